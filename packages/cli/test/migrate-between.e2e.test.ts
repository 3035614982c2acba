/**
 * Migrations between any two stores, on real ones: Vault, an encrypted file, AWS as moto has it.
 */
import { mkdir, readdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type MotoServer, startMotoServer } from '@keyfall/testkit';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ageKey, folderWith, install, keyfall, makeRepository } from './keyfall.ts';
import { vaultDocuments } from './vault-documents.ts';

const canary = 'canary-value-c3d8';

const vault = vaultDocuments();
/** The Vault, and the key of the encrypted files. */
const settings = () => ({ ...vault.env, SOPS_AGE_KEY_FILE: ageKey.file });

async function stored(): Promise<unknown> {
  return (await vault.stored())?.data;
}

/** What an encrypted file holds, as an application gets it. */
async function contentOf(cwd: string, file: string): Promise<unknown> {
  const config = join(cwd, 'reads.json');
  await writeFile(config, JSON.stringify({ providers: [{ provider: 'sops', path: file }] }));
  const { stdout } = await keyfall(['export', '--json', '--config', config], {
    cwd,
    env: settings(),
  });
  return JSON.parse(stdout);
}

describe('from Vault to an encrypted file', () => {
  const held = { TOKEN: canary, LINES: 'a\nb', 'deep.name': 'd', COUNT: 5432 };

  test('values move, and a restore takes them out of the encrypted file again', async () => {
    const cwd = await folderWith();
    await install(cwd, '@keyfall/provider-sops');
    await vault.store(held);
    const args = ['migrate', '--from', 'vault', '--to', 'sops', '--yes'];
    const result = await keyfall(args, { cwd, env: settings() });
    expect(result).toMatchObject({ code: 0, stdout: '' });
    expect(result.stderr).toMatch(/^4 names .* sops \(secrets\.enc\.yaml\)/m);
    expect(result.stderr).toMatch(/^keyfall: deep\.name /m);
    expect(result.output).not.toContain(canary);
    const file = join(cwd, 'secrets.enc.yaml');
    expect(await readFile(file, 'utf8')).not.toContain(canary);
    expect(await contentOf(cwd, 'secrets.enc.yaml')).toEqual({ ...held, COUNT: '5432' });
    expect(await stored()).toEqual(held);
    const second = await keyfall(args, { cwd, env: settings() });
    expect(second).toMatchObject({ code: 0, stderr: expect.stringContaining('(4 names)') });
    expect(second.stderr).not.toContain('--restore');

    const undo = /keyfall migrate --restore (\S+) (--from vault --to sops)\n/.exec(result.stderr);
    const [, journal = '', ends = ''] = undo ?? [];
    expect(await readFile(join(cwd, journal), 'utf8')).not.toContain(canary);
    const alone = await keyfall(['migrate', '--restore', journal, '--yes'], {
      cwd,
      env: settings(),
    });
    expect(alone).toMatchObject({ code: 2, stderr: expect.stringContaining('--from and --to') });
    const restored = await keyfall(['migrate', '--restore', journal, ...ends.split(' '), '--yes'], {
      cwd,
      env: settings(),
    });
    expect(restored).toMatchObject({ code: 0 });
    expect(await contentOf(cwd, 'secrets.enc.yaml')).toEqual({});
    expect(await stored()).toEqual(held);
  });

  test('a source that does not exist is an error, whatever the target is', async () => {
    const cwd = await folderWith();
    await install(cwd, '@keyfall/provider-sops');
    for (const ends of [
      ['--from', 'sops:mistyped.yaml', '--to', 'vault'],
      ['--from', 'vault', '--to', 'dotenv:.env.copy'],
    ]) {
      const env = { ...settings(), VAULT_SECRET_PATH: 'mistyped' };
      const result = await keyfall(['migrate', ...ends, '--yes'], { cwd, env });
      expect(result).toMatchObject({ code: 1, stdout: '' });
      expect(result.stderr).toMatch(/\bmistyped\b.* --from\b/);
    }
    expect(await readdir(cwd)).not.toContain('.env.copy');
  });

  test('a replaced value of which no version is kept is reported before, and left alone by a restore', async () => {
    const cwd = await folderWith();
    await install(cwd, '@keyfall/provider-sops');
    await vault.store({ A: 'old' });
    const to = ['--from', 'vault', '--to', 'sops:s.yaml'];
    await keyfall(['migrate', ...to, '--yes'], { cwd, env: settings() });
    await vault.store({ A: 'new' });
    const result = await keyfall(['migrate', ...to, '--yes', '--on-conflict', 'overwrite'], {
      cwd,
      env: settings(),
    });
    expect(result.stderr).toMatch(/^keyfall: .*\bsops \(s\.yaml\) .* A /m);
    expect(result.stderr).toMatch(/^ {2}- .* A /m);
    const journal = /--restore (\S+)/.exec(result.stderr)?.[1] ?? '';
    const restored = await keyfall(['migrate', '--restore', journal, ...to, '--yes'], {
      cwd,
      env: settings(),
    });
    expect(restored).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/^keyfall: .* A /m),
    });
  });
});

describe('from a .env to AWS', () => {
  let aws: MotoServer;
  beforeAll(async () => {
    aws = await startMotoServer();
  });
  afterAll(() => aws?.stop());

  test('a program that runs with its secrets does not get the access key', async () => {
    const awsEnv = {
      AWS_ENDPOINT_URL: aws.address,
      AWS_REGION: 'eu-central-1',
      AWS_ACCESS_KEY_ID: 'key-of-keyfall',
      AWS_SECRET_ACCESS_KEY: 'secret-of-keyfall',
    };
    const cwd = await folderWith(`FROM_AWS=${canary}\nAWS_SECRET_ACCESS_KEY=of-the-app\n`);
    const move = ['migrate', '--yes', '--select', 'FROM_AWS', '--to', 'aws:run/shop'];
    expect((await keyfall(move, { cwd, env: awsEnv })).code).toBe(0);
    const config = {
      providers: [
        { provider: 'aws-secrets-manager', secretId: 'run/shop' },
        { provider: 'dotenv' },
      ],
    };
    await writeFile(join(cwd, 'keyfall.config.json'), JSON.stringify(config));
    const show = 'echo "$FROM_AWS,$AWS_ACCESS_KEY_ID,$AWS_SECRET_ACCESS_KEY,$AWS_REGION"';
    const run = (...options: string[]) =>
      keyfall(['run', ...options, '--', 'sh', '-c', show], { cwd, env: awsEnv });
    expect(await run()).toMatchObject({
      code: 0,
      // the application's own, from its .env, is not Keyfall's
      stdout: `${canary},,of-the-app,eu-central-1\n`,
      stderr: expect.stringMatching(/^keyfall: AWS_ACCESS_KEY_ID .* --pass-bootstrap /m),
    });
    expect((await run('--pass-bootstrap')).stdout).toBe(
      `${canary},key-of-keyfall,secret-of-keyfall,eu-central-1\n`,
    );
  });

  test.each([
    ['one JSON secret', 'aws:shop/prod', 'aws-secrets-manager', false],
    ['one secret a name', 'aws:names/*', 'aws-secrets-manager', true],
    ['one parameter a name', 'ssm:/shop/prod', 'aws-parameter-store', true],
  ])(
    'values move to %s, and a restore brings back what they replaced',
    async (_, to, id, mayLose) => {
      const awsEnv = {
        AWS_ENDPOINT_URL: aws.address,
        AWS_REGION: 'eu-central-1',
        AWS_ACCESS_KEY_ID: 'x',
        AWS_SECRET_ACCESS_KEY: 'x',
      };
      const cwd = await folderWith('TOKEN=first\n');
      await install(cwd, `@keyfall/provider-${id}`);
      const args = ['migrate', '--from', 'dotenv', '--to', to, '--yes'];
      const first = await keyfall(args, { cwd, env: awsEnv });
      expect(first).toMatchObject({ code: 0 });
      await writeFile(join(cwd, '.env'), `TOKEN=${canary}\nNEW=n\n`);
      expect((await keyfall(args, { cwd, env: awsEnv })).code).toBe(1);
      const second = await keyfall([...args, '--on-conflict', 'overwrite', '--purge'], {
        cwd,
        env: awsEnv,
      });
      expect(second.code).toBe(0);
      expect(second.output).not.toMatch(/canary|USE_VAULT/);
      expect(second.stderr).toMatch(new RegExp(`^2 names .* ${id} \\(`, 'm'));
      // that a change of another program may be lost
      expect(new RegExp(`^keyfall: ${id} \\(`, 'm').test(second.stderr)).toBe(mayLose);
      expect(await readFile(join(cwd, '.env'), 'utf8')).toBe('');
      const backup = /--restore (\S+)/.exec(second.stderr)?.[1] ?? '';
      const restored = await keyfall(['migrate', '--restore', backup, '--to', to, '--yes'], {
        cwd,
        env: awsEnv,
      });
      expect(restored).toMatchObject({
        code: 0,
        stderr: expect.stringMatching(new RegExp(`${id} \\(.*\\bTOKEN\\b`)),
      });
      expect(await readFile(join(cwd, '.env'), 'utf8')).toContain(canary);
      await writeFile(join(cwd, '.env'), 'TOKEN=first\n');
      expect((await keyfall(args, { cwd, env: awsEnv })).stderr).toContain('(1 name)');
      const back = ['migrate', '--from', to, '--to', 'dotenv:back.env', '--yes'];
      expect(await keyfall(back, { cwd, env: awsEnv })).toMatchObject({ code: 0 });
      expect(await readFile(join(cwd, 'back.env'), 'utf8')).toBe('TOKEN=first\n');
    },
  );
});

describe('with a configuration', () => {
  async function configured(providers: readonly object[]): Promise<string> {
    const cwd = await folderWith(`TOKEN=${canary}\n`);
    await install(cwd, '@keyfall/provider-sops');
    await writeFile(join(cwd, 'keyfall.config.json'), JSON.stringify({ providers }));
    return cwd;
  }
  const sops = { provider: 'sops', path: 'secrets.enc.json', name: 'sealed' };

  test('it goes to the first provider that can be written to and is not the source', async () => {
    const cwd = await configured([{ provider: 'env' }, { provider: 'dotenv' }, sops]);
    const result = await keyfall(['migrate', '--yes'], { cwd, env: settings() });
    expect(result).toMatchObject({ code: 0 });
    expect(result.stderr).toMatch(/^1 name .* sealed \(secrets\.enc\.json\)/m);
    expect(result.stderr).toContain('keyfall.config');
    expect(result.stderr).not.toContain('run -- CMD');
    const backup = /--restore (\S+)/.exec(result.stderr)?.[1] ?? '';
    const restored = await keyfall(['migrate', '--restore', backup, '--yes'], {
      cwd,
      env: settings(),
    });
    expect(restored).toMatchObject({ code: 0 });
    const before = await configured([{ provider: 'env' }, sops, { provider: 'dotenv' }]);
    const asked = await keyfall(['migrate', '--yes'], { cwd: before, env: settings() });
    expect(asked.stderr).toContain('keyfall run -- CMD\n');
    expect(asked.stderr).not.toContain('keyfall.config');
    const none = await keyfall(['migrate', '--yes', '--to', 'dotenv'], { cwd, env: settings() });
    expect(none).toMatchObject({ code: 2, stderr: expect.stringContaining('--to') });
  });

  test('a provider of the configuration is named by its own name', async () => {
    const cwd = await configured([{ provider: 'dotenv' }, sops]);
    const named = await keyfall(['migrate', '--yes', '--to', 'sealed'], { cwd, env: settings() });
    expect(named).toMatchObject({ code: 0 });
    const on = await keyfall(['migrate', '--yes', '--from', 'sealed', '--to', 'vault'], {
      cwd,
      env: settings(),
    });
    expect(on).toMatchObject({ code: 0 });
    expect(await stored()).toEqual({ TOKEN: canary });
    const unknown = await keyfall(['migrate', '--to', 'seald'], { cwd, env: settings() });
    expect(unknown).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('dotenv, sealed, vault'),
    });
  });

  test('paths in a configuration begin in its folder, and those of the command line in the current one', async () => {
    const root = await configured([{ provider: 'dotenv' }, sops]);
    const cwd = join(root, 'app');
    await mkdir(cwd);
    await makeRepository(root);
    await writeFile(join(cwd, '.env'), `APP=${canary}\n`);
    const same = ['--from', 'dotenv:../.env', '--to', 'dotenv'];
    for (const [args, code] of [
      [['--to', 'dotenv:.env', '--purge'], 2],
      [same, 2],
      [['--to', 'dotenv'], 0],
    ] as const)
      expect(await keyfall(['migrate', '--yes', ...args], { cwd, env: settings() })).toMatchObject({
        code,
      });
    expect(await readFile(join(cwd, '.env'), 'utf8')).toBe(`APP=${canary}\n`);
    expect(await readFile(join(root, '.env'), 'utf8')).toBe(`TOKEN=${canary}\nAPP=${canary}\n`);
  });

  test('a configuration with no other writable provider is refused, and a read-only target too', async () => {
    const cwd = await configured([{ provider: 'env' }, { provider: 'dotenv' }]);
    const result = await keyfall(['migrate', '--yes'], { cwd, env: settings() });
    expect(result).toMatchObject({ code: 2, stderr: expect.stringContaining('--to') });
    const readOnly = await keyfall(['migrate', '--yes', '--to', 'env'], { cwd, env: settings() });
    expect(readOnly).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/^keyfall: env .* --to\b/m),
    });
    expect(await readdir(cwd)).not.toContain(expect.stringContaining('backup'));
  });
});

describe('an end of a migration that cannot be used', () => {
  test.each([
    ['the same file', ['--to', 'dotenv:./.env'], /^keyfall: \.\/\.env .* --to\b/],
    ['the same file by a link', ['--to', 'dotenv:link.env'], /^keyfall: link\.env .* --to\b/],
    ['the same Vault', ['--from', 'vault', '--to', 'vault'], /^keyfall: http:.* --to\b/],
    ['a file and a source', ['.env', '--from', 'vault'], /--from\b/],
    ['AWS without a place', ['--to', 'aws'], /^keyfall: aws .*aws:SECRET/],
    ['a provider that does not exist', ['--to', 'valut'], /\bvalut\b.* vault\b/],
    [
      'a package that is not there',
      ['--to', 'doppler'],
      /npm install --global @keyfall\/provider-doppler/,
    ],
    ['--purge of a store', ['--from', 'vault', '--to', 'dotenv:new.env', '--purge'], /--purge\b/],
    ['--activate for a file', ['--to', 'dotenv:new.env', '--activate'], /--activate\b/],
  ])('migrate refuses %s, and changes nothing', async (_, args, why) => {
    const cwd = await folderWith(`TOKEN=${canary}\n`);
    await symlink('.env', join(cwd, 'link.env'));
    await vault.store({ A: canary });
    const files = await readdir(cwd);
    const result = await keyfall(['migrate', '--yes', ...args], { cwd, env: settings() });
    expect(result).toMatchObject({ code: 2, stderr: expect.stringMatching(why) });
    expect(result.output).not.toContain(canary);
    expect(await readdir(cwd)).toEqual(files);
  });
});

test('files of one secret each are migrated to Vault, and cannot be written to', async () => {
  const cwd = await folderWith();
  await install(cwd, '@keyfall/provider-files');
  await mkdir(join(cwd, 'secrets'));
  await writeFile(join(cwd, 'secrets', 'TOKEN'), canary);
  const args = ['migrate', '--from', 'files:secrets', '--yes'];
  const result = await keyfall(args, { cwd, env: settings() });
  expect(result).toMatchObject({ code: 0 });
  expect(await stored()).toEqual({ TOKEN: canary });
  await vault.store({ NEW: 'n' });
  for (const how of ['--yes', '--dry-run']) {
    const back = ['migrate', '--from', 'vault', '--to', 'files:secrets', how];
    expect(await keyfall(back, { cwd, env: settings() })).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/^keyfall: files .* --to\b/m),
    });
  }
});

test('a document of Vault is migrated to a new .env, one line a name', async () => {
  const cwd = await folderWith();
  await vault.store({ TOKEN: canary, KEY: 'a\nb', EMPTY: '' });
  const result = await keyfall(
    ['migrate', '--from', 'vault', '--to', 'dotenv:.env.prod', '--yes', '--select', 'TOKEN,KEY'],
    { cwd, env: settings() },
  );
  expect(result).toMatchObject({ code: 0 });
  expect(result.output).not.toContain(canary);
  const list = await keyfall(['list', '--dotenv', '.env.prod'], { cwd });
  expect(list.stdout).toBe('KEY\nTOKEN\n');
});
