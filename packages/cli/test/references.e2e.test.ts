/**
 * References in a `.env`, in the environment and in a configuration: what a program gets for them, and what a hostile file
 * cannot do with one.
 */
import { once } from 'node:events';
import { chmod, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { encryptSopsFile } from '@keyfall/provider-sops';
import { sharedVaultServer } from '@keyfall/testkit';
import { beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { ageKey, folderWith, keyfall } from './keyfall.ts';

const canary = 'canary-value-6c40';
let address: string;
let token: string;
let mount: string;
beforeAll(async () => {
  const server = await sharedVaultServer();
  ({ address, token } = server);
  mount = await server.mountKv({ version: 2 });
  await server.request('POST', `${mount}/data/shop`, {
    data: { TOKEN: canary, OTHER: 'env://HOME' },
  });
});

/** The configuration of a folder whose `.env` may refer to Vault, to a SOPS file, to a program and to the environment. */
async function project(dotenv: string, more: object = {}, isTrusted = true) {
  const cwd = await folderWith(dotenv);
  await encryptSopsFile(join(cwd, 'secrets.enc.yaml'), new Map([['DB_PASS', 'of sops']]), {
    ageRecipients: [ageKey.recipient],
  });
  await writeFile(join(cwd, 'helper'), '#!/bin/sh\necho "of $1"\n');
  await chmod(join(cwd, 'helper'), 0o700);
  const config = {
    providers: [{ provider: 'dotenv' }],
    references: {
      vault: { provider: 'vault' },
      sops: { provider: 'sops' },
      exec: { provider: 'exec', command: ['./helper', '{name}'] },
      env: { provider: 'env' },
    },
    ...more,
  };
  await writeFile(join(cwd, 'keyfall.config.json'), JSON.stringify(config));
  await mkdir(join(cwd, 'deeper'));
  const env = {
    VAULT_ADDR: address,
    VAULT_TOKEN: token,
    SOPS_AGE_KEY_FILE: ageKey.file,
    XDG_STATE_HOME: await folderWith(),
  };
  const run = (
    args: readonly string[],
    variables: Readonly<Record<string, string>> = {},
    { folder = cwd, input = '' }: { readonly folder?: string; readonly input?: string } = {},
  ) => keyfall(args, { cwd: folder, env: { ...env, ...variables }, input });
  if (isTrusted) expect((await run(['trust'])).code).toBe(0);
  return { cwd, run };
}

const references = (): Readonly<Record<string, string>> => ({
  A: `vault://${mount}/shop#TOKEN`,
  B: 'sops://secrets.enc.yaml#DB_PASS',
  C: 'exec://shop/db',
  D: 'env://HERE',
  E: `ref+vault://${mount}/shop#/TOKEN`,
  F: 'postgres://user:pass@db/shop',
});

/** The text of a `.env`, in quotes: npm's dotenv takes a `#` for a comment. */
const quoted = (values: Readonly<Record<string, string>>) =>
  Object.entries(values)
    .map(([name, value]) => `${name}='${value}'\n`)
    .join('');
const every = () => quoted(references());
const script = 'for name in A B C D E F; do eval "echo \\"\\$$name\\""; done';
const values = `${canary}\nof sops\nof shop/db\nhere\n${canary}\npostgres://user:pass@db/shop\n`;

describe('a program that is started', () => {
  test('gets what the references of a .env lead to', async () => {
    const { run } = await project(every());
    const started = await run(['run', '--', 'sh', '-c', script], { HERE: 'here' });
    expect(started).toMatchObject({ code: 0, stdout: values });
  });

  test('gets what the references of its environment lead to, which are masked as well', async () => {
    const { run } = await project('');
    const inherited = { ...references(), HERE: 'here' };
    const args = ['run', '--preserve-env', '--', 'sh', '-c', script];
    expect(await run(args, inherited)).toMatchObject({ code: 0, stdout: values });
    const masked = await run(['run', '--redact', '--', 'sh', '-c', 'echo "<$A>"'], inherited);
    expect(masked).toMatchObject({ code: 0, stdout: '<[redacted]>\n' });
    const pristine = await run(['run', '--pristine', '--', 'sh', '-c', 'echo "<$A>"'], {
      ...inherited,
      X: 'vault://no/such#NAME',
    });
    expect(pristine).toMatchObject({ code: 0, stdout: '<>\n' });
  });

  test('gets the names that the configuration says, before those of a .env', async () => {
    const { run } = await project('TOKEN=plain\n', {
      values: { TOKEN: `vault://${mount}/shop#TOKEN` },
    });
    const started = await run(['run', '--', 'sh', '-c', 'echo "$TOKEN"'], { TOKEN: 'inherited' });
    expect(started).toMatchObject({ code: 0, stdout: `${canary}\n` });
    expect(started.stderr).toMatch(/TOKEN .*configuration/);
    const shadowed = await run(['set', 'TOKEN'], {}, { input: canary });
    expect(shadowed).toMatchObject({ code: 1 });
  });

  test.each([
    ['a name that is not there', () => `vault://${mount}/shop#NOBODY`, 5],
    ['a document that is not there', () => `vault://${mount}/blog#TOKEN`, 5],
    ['a mount that is not there', () => 'vault://no-such/shop#TOKEN', undefined],
    ['no mount', () => 'vault://shop#TOKEN', 2],
    ['no name', () => `vault://${mount}/shop`, 5],
    ['a file that is not there', () => 'sops://no.yaml#TOKEN', 5],
    ['a path that leads upwards', () => `vault://${mount}/../sys#TOKEN`, 2],
    ['a circle', () => 'env://X', 5],
    ['a variable that is not set', () => 'env://NOT_SET', 5],
    ['a name that a program must not be asked for', () => 'exec://--help', 2],
    [
      'parameters of vals',
      () => `ref+vault://${mount}/shop?address=https://evil.example#/TOKEN`,
      5,
    ],
  ])(
    'is not started where a reference leads to %s, in a .env or in the environment',
    async (_, text, code) => {
      const { cwd, run } = await project(quoted({ X: text(), Y: 'y' }));
      const started = await run(['run', '--', 'touch', 'started']);
      if (code !== undefined) expect(started.code).toBe(code);
      expect(started.code).not.toBe(0);
      expect(started.stderr).toMatch(/^keyfall: .*\bX\b/m);
      const { cwd: other, run: runOther } = await project('');
      const inherited = await runOther(['run', '--', 'touch', 'started'], { X: text() });
      expect(inherited.code).not.toBe(0);
      for (const folder of [cwd, other]) expect(await readdir(folder)).not.toContain('started');
      // a name that is none of them is not touched by it
      expect(await run(['get', 'Y'])).toMatchObject({ code: 0, stdout: 'y\n' });
    },
  );

  test('gets every text as it is where the configuration allows no scheme, or none that it has', async () => {
    const { run } = await project(every(), { references: undefined });
    const texts = `${Object.values(references()).join('\n')}\n`;
    expect(await run(['run', '--', 'sh', '-c', script], { HERE: 'x' })).toMatchObject({
      code: 0,
      stdout: texts,
    });
    const other = await project(every(), { references: { other: { provider: 'env' } } });
    expect(await other.run(['run', '--', 'sh', '-c', script])).toMatchObject({
      code: 0,
      stdout: texts,
    });
    const without = await run(['--no-config', 'run', '--', 'sh', '-c', script]);
    expect(without).toMatchObject({ code: 0, stdout: texts });
  });

  test('gets no setting or credential of ours under another name', async () => {
    const { run } = await project('X=env://VAULT_TOKEN\n');
    const started = await run(['run', '--', 'sh', '-c', 'echo "$X"']);
    expect(started.code).toBe(5);
    expect(started.output).not.toContain(token);
    const inherited = await (await project('')).run(['run', '--', 'sh', '-c', 'echo "$X"'], {
      X: 'env://SOPS_AGE_KEY_FILE',
    });
    expect(inherited.code).toBe(5);
  });

  test('gets no credential of a store that another reference leads to, whichever is read first', async () => {
    const helper = { provider: 'exec', command: ['./helper', '{name}'] };
    const { run } = await project("FIRST='env://OP_TOKEN'\nX='exec://X'\n", {
      references: {
        env: { provider: 'env' },
        exec: { ...helper, credentialVariables: ['OP_TOKEN'] },
      },
    });
    const given = { OP_TOKEN: canary };
    const started = await run(['run', '--', 'sh', '-c', 'echo "$FIRST $X"'], given);
    expect(started.code).toBe(5);
    expect(started.output).not.toContain(canary);
    expect((await run(['get', 'FIRST'], given)).output).not.toContain(canary);
  });

  test('gets none of them by a prefix that leaves a part of the variable for the name', async () => {
    const prefixed = { provider: 'env', prefix: 'VAULT_' };
    const own = await project('', { providers: [prefixed] });
    const referred = await project('X=rest://TOKEN\n', { references: { rest: prefixed } });
    for (const { run } of [own, referred]) {
      const given = { VAULT_OF_OURS: 'a' };
      const started = await run(['run', '--', 'sh', '-c', 'echo "$X$TOKEN"'], given);
      expect(started.output).not.toContain(token);
      expect((await run(['get', 'TOKEN'], given)).output).not.toContain(token);
    }
    expect(await own.run(['list'], { VAULT_OF_OURS: 'a' })).toMatchObject({
      code: 0,
      stdout: 'OF_OURS\n',
    });
  });

  test('gets what Vault holds as it is, also if that looks like a reference', async () => {
    const { run } = await project(quoted({ X: `vault://${mount}/shop#OTHER` }));
    expect(await run(['get', 'X'])).toMatchObject({ code: 0, stdout: 'env://HOME\n' });
  });
});

describe('a hostile .env', () => {
  test('sends no credential anywhere: the address is of the environment or the configuration', async () => {
    const arrived: string[] = [];
    const server = createServer((request, response) => {
      arrived.push(JSON.stringify(request.headers));
      response.end('{}');
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    onTestFinished(() => void server.close());
    const { port } = server.address() as AddressInfo;
    const evil = `http://127.0.0.1:${port}`;
    const { run } = await project(
      quoted({
        VAULT_ADDR: evil,
        A: `vault://${evil}/secret/shop#TOKEN`,
        B: `vault://127.0.0.1:${port}/shop#TOKEN`,
        C: `vault://user@127.0.0.1:${port}/shop#TOKEN`,
        D: `ref+vault://secret/shop?address=${evil}#/TOKEN`,
        E: `vault:///${evil}/v1/x#TOKEN`,
      }),
    );
    for (const name of ['A', 'B', 'C', 'D', 'E'])
      expect((await run(['get', name])).code).not.toBe(0);
    expect((await run(['run', '--', 'true'])).code).not.toBe(0);
    expect(arrived).toEqual([]);
  });

  test('starts no program of its own, and a configuration does so only if it is trusted', async () => {
    const { cwd, run } = await project('X=exec://shop\n', {}, false);
    const refused = await run(['get', 'X']);
    expect(refused).toMatchObject({ code: 2, stdout: '' });
    expect(refused.stderr).toContain('references.exec.command: ');
    await run(['trust']);
    expect(await run(['get', 'X'])).toMatchObject({ code: 0, stdout: 'of shop\n' });
    await writeFile(join(cwd, '.env'), "X='exec://$(touch started)'\n");
    expect((await run(['get', 'X'])).stdout).toBe('of $(touch started)\n');
    expect(await readdir(cwd)).not.toContain('started');
  });
});

describe('the other commands', () => {
  test('explain shows where a value comes from', async () => {
    const { run } = await project(every());
    const shown = await run(['explain', 'A']);
    expect(shown.stdout).toMatch(/^A: from dotenv \(\.env\), by reference from TOKEN in vault \(/);
    const explained = JSON.parse((await run(['explain', 'B', '--json'])).stdout);
    expect(explained).toMatchObject({
      provider: 'dotenv',
      via: [{ provider: 'sops', name: 'DB_PASS' }],
    });
    expect(shown.output).not.toContain(canary);
  });

  test('doctor finds a reference that leads nowhere', async () => {
    const { cwd, run } = await project(every());
    const found = async () => {
      const diagnoses = JSON.parse((await run(['doctor', '--json'], { HERE: 'x' })).stdout) as {
        findings: { subject: string }[];
      }[];
      return diagnoses
        .flatMap(({ findings }) => findings)
        .find(({ subject }) => subject === 'references');
    };
    expect(await found()).toMatchObject({ state: 'ready' });
    await writeFile(join(cwd, '.env'), quoted({ X: `vault://${mount}/shop#NOBODY` }));
    expect(await found()).toMatchObject({ state: 'failing', code: 'not-followed' });
  });

  test('paths of references begin where the configuration is', async () => {
    const { cwd, run } = await project('');
    await writeFile(join(cwd, 'deeper/.env'), 'X=1\n');
    await writeFile(join(cwd, '.env'), quoted({ B: 'sops://secrets.enc.yaml#DB_PASS' }));
    const got = await run(
      ['--config', '../keyfall.config.json', 'get', 'B'],
      {},
      { folder: join(cwd, 'deeper') },
    );
    expect(got).toMatchObject({ code: 0, stdout: 'of sops\n' });
  });

  test('set does not write a secret over a reference', async () => {
    const { cwd, run } = await project(quoted({ A: `vault://${mount}/shop#TOKEN` }));
    const refused = await run(['set', 'A'], {}, { input: 'canary-new' });
    expect(refused.code).toBe(1);
    expect(await readFile(join(cwd, '.env'), 'utf8')).toBe(
      quoted({ A: `vault://${mount}/shop#TOKEN` }),
    );
    expect((await run(['delete', 'A'])).code).toBe(0);
  });

  test('migrate leaves a reference where it is, since the secret is in its store already', async () => {
    const { cwd, run } = await project(quoted({ ...references(), G: canary }), {
      providers: [
        { provider: 'sops', path: 'moved.enc.env', ageRecipients: [ageKey.recipient] },
        { provider: 'dotenv' },
      ],
    });
    const moved = await run(['migrate', '--yes', '--purge']);
    expect(moved.code).toBe(0);
    expect(await readFile(join(cwd, '.env'), 'utf8')).toContain(
      quoted({ E: references()['E'] ?? '' }),
    );
    const listed = await run(['list'], { HERE: 'x' });
    expect(listed).toMatchObject({ code: 0, stdout: 'A\nB\nC\nD\nE\nF\nG\n' });
    const explained = async (name: string) =>
      JSON.parse((await run(['explain', name, '--json'], { HERE: 'x' })).stdout).provider;
    expect([await explained('A'), await explained('F'), await explained('G')]).toEqual([
      'dotenv',
      'sops',
      'sops',
    ]);
  });

  test('a place in the configuration leaves the name alone to the reference', async () => {
    const { run } = await project('A=shop://TOKEN\nB=sealed://DB_PASS\n', {
      references: {
        shop: { provider: 'vault', mount, path: 'shop' },
        sealed: { provider: 'sops', path: 'secrets.enc.yaml' },
      },
    });
    expect(await run(['get', 'A'])).toMatchObject({ code: 0, stdout: `${canary}\n` });
    expect(await run(['get', 'B'])).toMatchObject({ code: 0, stdout: 'of sops\n' });
  });

  test('a mount in the configuration may have several parts', async () => {
    const { run } = await project(quoted({ A: 'vault://shop#TOKEN' }), {
      references: { vault: { provider: 'vault', mount } },
    });
    expect(await run(['get', 'A'])).toMatchObject({ code: 0, stdout: `${canary}\n` });
  });
});

describe('a configuration that is a program', () => {
  test('has what references lead to as providers and functions of its own', async () => {
    const cwd = await folderWith(quoted({ A: 'own://N', B: 'place://x#N', C: 'env://HERE' }));
    await writeFile(
      join(cwd, 'keyfall.config.mjs'),
      `const store = (name) => ({
        name,
        store: name,
        read: async (names) => ({ entries: new Map(names.map((each) => [each, { value: name + ' ' + each }])), complete: false }),
      });
      export default {
        providers: [{ provider: 'dotenv' }],
        references: { own: store('own'), place: async (place) => store(place), env: { provider: 'env' } },
      };`,
    );
    const script = 'echo "$A, $B, $C"';
    expect(
      await keyfall(['run', '--', 'sh', '-c', script], { cwd, env: { HERE: 'here' } }),
    ).toMatchObject({
      code: 0,
      stdout: 'own N, x N, here\n',
    });
  });

  test('with a target that is none is refused', async () => {
    const cwd = await folderWith('');
    const text = "export default { providers: [{ provider: 'dotenv' }], references: { own: 5 } };";
    await writeFile(join(cwd, 'keyfall.config.mjs'), text);
    const refused = await keyfall(['list'], { cwd });
    expect(refused).toMatchObject({ code: 2, stderr: expect.stringContaining('references.own: ') });
  });
});

describe('a configuration', () => {
  test.each<[string, object, RegExp]>([
    [
      'a scheme that is none',
      { references: { VAULT: { provider: 'vault' } } },
      /references\.VAULT: /,
    ],
    [
      'an unknown provider',
      { references: { vault: { provider: 'volt' } } },
      /references\.vault\.provider: .* vault, /,
    ],
    [
      'a setting of the chain',
      { references: { vault: { provider: 'vault', required: true } } },
      /references\.vault\.required: /,
    ],
    [
      'a secret',
      { references: { vault: { provider: 'vault', token: canary } } },
      /references\.vault\.token: /,
    ],
    ['a value that is no reference', { values: { TOKEN: canary } }, /values\.TOKEN: /],
    [
      'an expression of vals for a scheme that is not there',
      { values: { TOKEN: `ref+gcp://${canary}` } },
      /values\.TOKEN: /,
    ],
    ['a value of another scheme', { values: { TOKEN: `ftp://${canary}` } }, /values\.TOKEN: /],
    [
      'an address that would get a token in plain text',
      { references: { vault: { provider: 'vault', address: 'http://evil.example' } } },
      /references\.vault\.address: /,
    ],
  ])('with %s is refused at its place', async (_, more, why) => {
    const { run } = await project('', more, false);
    const refused = await run(['list'], { VAULT_ADDR: '' });
    expect(refused.code).toBe(2);
    expect(refused.stderr).toMatch(why);
    expect(refused.output).not.toContain(canary);
  });
});
