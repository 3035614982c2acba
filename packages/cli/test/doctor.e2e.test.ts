/**
 * What `doctor` finds on real servers, files and repositories, and that the one command it names mends
 * it: each is typed into a shell, and the next look finds nothing of it any more.
 */
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import {
  assertNoLeak,
  findVaultBinary,
  freePort,
  startVaultServer,
  type VaultServer,
} from '@keyfall/testkit';
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest';
import { newAuthority } from '../../../test/authority.ts';
import { bin, finished, folderWith, keyfall, type RunResult } from './keyfall.ts';
import { typing } from './on-terminal.ts';

const run = promisify(execFile);
const canary = 'canary-d0c7';

let server: VaultServer;
/** A folder with `bao` and `keyfall`, as they are typed. */
let tools: string;
beforeAll(async () => {
  server = await startVaultServer({ external: false });
  await put('aiogram-shop', { TOKEN: canary });
  tools = await mkdtemp(join(tmpdir(), 'keyfall-tools-'));
  await symlink(await findVaultBinary(), join(tools, 'bao'));
  await writeFile(join(tools, 'keyfall'), `#!/bin/sh\nexec '${process.execPath}' '${bin}' "$@"\n`);
  await chmod(join(tools, 'keyfall'), 0o755);
});
afterAll(async () => {
  await server?.stop();
  if (tools !== undefined) await rm(tools, { recursive: true });
});

/** Of what takes a while, such as a process that starts. */
const patiently = { timeout: 20_000, interval: 50 };

const put = (path: string, data: object) => server.request('POST', `secret/data/${path}`, { data });

interface Finding {
  readonly subject: string;
  readonly state: string;
  readonly message: string;
  readonly hint?: string;
  readonly code?: string;
  readonly command?: string;
}

interface Looked extends RunResult {
  readonly findings: readonly Finding[];
  /** The finding that fails, which there must be one of. */
  readonly fault: Finding;
}

type Environment = Readonly<Record<string, string>>;

/** The settings of a chain that is well. */
function settings(more: Environment = {}): Environment {
  return {
    USE_VAULT: 'true',
    VAULT_ADDR: server.address,
    VAULT_TOKEN: server.token,
    VAULT_SECRET_PATH: 'aiogram-shop',
    ...more,
  };
}

/** `doctor --json`, after a command in the same shell where there is one to type. */
async function look(cwd: string, env: Environment, typed = ':', flags = ''): Promise<Looked> {
  const child = spawn('bash', ['-c', `{ ${typed}\n} >&2 && keyfall ${flags} doctor --json`], {
    cwd,
    env: { PATH: path(), HOME: cwd, ...env },
  });
  const result = await finished(child);
  assertNoLeak([canary, env['VAULT_TOKEN'] ?? 'no-token'], result);
  const all = JSON.parse(result.stdout || '[]') as { findings: Finding[] }[];
  const findings = all.flatMap((each) => each.findings);
  const faults = findings.filter(({ state }) => state === 'failing');
  for (const { code } of faults) expect(code).toMatch(/^[a-z]+(-[a-z]+)*$/);
  const fault = faults[0] ?? { subject: '', state: '', message: '' };
  return { ...result, findings, fault };
}

function path(): string {
  return `${tools}:${process.env['PATH'] ?? ''}`;
}

/** Has the command typed that mends the fault, and expects that nothing is left of it. */
async function expectMended(cwd: string, env: Environment, { fault }: Looked): Promise<void> {
  const after = await look(cwd, env, fault.command);
  expect({ ...after, findings: [] }).toMatchObject({ code: 0 });
}

/** A folder whose `.env`, if it has one, is as it should be. */
async function folder(dotenv?: string): Promise<string> {
  const cwd = await folderWith(dotenv);
  if (dotenv !== undefined) await chmod(join(cwd, '.env'), 0o600);
  return cwd;
}

describe('a healthy set-up', () => {
  test('is reported with exit code 0 for each provider and the machine, as JSON and as text', async () => {
    const cwd = await folder('A=1\n');
    const { code, findings } = await look(cwd, settings());
    expect(code).toBe(0);
    expect(findings.map(({ subject }) => subject)).toEqual([
      'node',
      'settings',
      'address',
      'seal',
      'clock',
      'token',
      'mount',
      'policy',
      'policy',
      'path',
      '.env',
      'mode of .env',
    ]);
    const text = await finished(
      spawn(process.execPath, [bin, 'doctor'], {
        cwd,
        env: { PATH: process.env['PATH'], ...settings() },
      }),
    );
    expect(text.code).toBe(0);
    expect(text.stdout).toContain(`vault (${server.address} secret/aiogram-shop)\n  ok  address`);
    expect(text.stdout).not.toContain('\u001b');
  });
});

describe('the server', () => {
  let secure: Secure;
  beforeAll(async () => {
    secure = await startSecure();
  });
  afterAll(() => secure?.stop());

  test('is not there, and one for development is started', async () => {
    const cwd = await folder();
    const port = await freePort();
    const env = settings({ VAULT_ADDR: `http://127.0.0.1:${port}` });
    const found = await look(cwd, env);
    expect(found).toMatchObject({ code: 3, fault: { subject: 'address' } });
    expect(found.fault.code).toBe('server-refused');
    expect(found.fault.command).toBe(
      `BAO_DEV_ROOT_TOKEN_ID="$VAULT_TOKEN" bao server -dev -dev-no-store-token -dev-listen-address=127.0.0.1:${port}`,
    );
    // as typed in a window of its own
    onTestFinished(async () => {
      process.kill(Number(await readFile(join(cwd, 'pid'))), 'SIGKILL');
    });
    const started = `${found.fault.command} > log 2>&1 & echo $! > pid`;
    const waited = 'until bao status || ! kill -0 $!; do sleep 0.1; done';
    const next = await look(cwd, env, `${started}; ${waited}`);
    expect(next.fault).toMatchObject({ subject: 'path', command: 'keyfall migrate' });
  });

  test('speaks http, and is asked by https', async () => {
    const cwd = await folder();
    const env = settings({ VAULT_ADDR: server.address.replace('http:', 'https:') });
    const found = await look(cwd, env);
    expect(found.fault.command).toBe(`export VAULT_ADDR=${server.address}`);
    await expectMended(cwd, env, found);
  });

  test('is named by the variable that wins', async () => {
    const cwd = await folder();
    const env = settings({ BAO_ADDR: server.address.replace('http:', 'https:') });
    const found = await look(cwd, env);
    expect(found.fault.command).toBe(`export BAO_ADDR=${server.address}`);
    await expectMended(cwd, env, found);
  });

  test('speaks https, and is asked by http', async () => {
    const cwd = await folder();
    const { address, caFile } = secure;
    const env = settings({ VAULT_ADDR: address.replace('https:', 'http:'), VAULT_CACERT: caFile });
    const found = await look(cwd, env);
    expect(found.fault.command).toBe(`export VAULT_ADDR=${address}`);
    await expectMended(cwd, env, found);
  });

  test('has a certificate that is not trusted', async () => {
    const cwd = await folder();
    const { address, caFile } = secure;
    const env = settings({ VAULT_ADDR: address });
    const found = await look(cwd, env);
    expect(found).toMatchObject({ code: 4, fault: { command: 'export VAULT_CACERT=CA_FILE.pem' } });
    const filledIn = found.fault.command?.replace('CA_FILE.pem', caFile);
    await expectMended(cwd, env, { ...found, fault: { ...found.fault, command: filledIn ?? '' } });
  });

  test('was never initialised, and then is sealed; only the .env names it', async () => {
    const cwd = await folderWith();
    const address = await uninitialised(cwd);
    const dotenv = `USE_VAULT=true\nVAULT_ADDR=${address}\nVAULT_SECRET_PATH=shop\n`;
    await writeFile(join(cwd, '.env'), dotenv, { mode: 0o600 });
    const env = { VAULT_TOKEN: 'hvs.old' };
    const found = await look(cwd, env);
    const there = `export VAULT_ADDR=${address} && `;
    expect(found).toMatchObject({
      code: 3,
      fault: {
        subject: 'seal',
        code: 'not-initialised',
        command: `${there}bao operator init`,
      },
    });
    // what is next is what doctor says next, in a shell that knows the server by now
    const next = await look(cwd, env, `{ ${found.fault.command}; } > keys.txt`);
    expect(next).toMatchObject({
      code: 3,
      fault: { subject: 'seal', code: 'sealed', command: 'bao operator unseal' },
    });
    const keys = await readFile(join(cwd, 'keys.txt'), 'utf8');
    for (const [, key = ''] of [...keys.matchAll(/Unseal Key \d: (\S+)/g)].slice(0, 3)) {
      const options = { cwd, env: { PATH: path(), VAULT_ADDR: address } };
      const command = ['bash', '-c', next.fault.command ?? ''];
      expect(await typing(command, [['hidden', `${key}\n`]], options)).toMatchObject({ code: 0 });
    }
    const last = await vi.waitFor(async () => {
      const unsealed = await look(cwd, env);
      expect(unsealed.fault).toMatchObject({ subject: 'token' });
      return unsealed;
    }, patiently);
    const [, root = ''] = /Root Token: (\S+)/.exec(keys) ?? [];
    expect(last.fault.command).toBe(`${there}export VAULT_TOKEN="$(bao login -token-only)"`);
    const typed = last.fault.command?.replace('-only)', `-only - <<< '${root}')`);
    expect((await look(cwd, env, typed)).fault).toMatchObject({ subject: 'mount' });
  });

  test('is not one that a .env may have a token typed for in plain text', async () => {
    const address = 'http://vault.example.com:8200';
    const cwd = await folder(`USE_VAULT=true\nVAULT_ADDR=${address}\nVAULT_SECRET_PATH=shop\n`);
    const { fault } = await look(cwd, {});
    expect(fault.command).toBe('export VAULT_TOKEN="$(bao login -token-only)"');
  });

  test('has another time than this machine', async () => {
    const cwd = await folder();
    const late = join(cwd, 'late.mjs');
    await writeFile(
      late,
      'const now = Date.now; Date.now = () => now.call(Date) - 3 * 3_600_000;\n',
    );
    const found = await look(cwd, settings({ NODE_OPTIONS: `--import=${late}` }));
    // the secrets can be read all the same
    expect(found).toMatchObject({
      code: 1,
      fault: { subject: 'clock', command: 'timedatectl set-ntp true' },
    });
    expect(found.fault.message).toMatch(/\b(2|3) hours\b/);
  });
});

describe('the token', () => {
  test('has expired', async () => {
    const cwd = await folder();
    const { token } = await server.createToken({ policies: ['root'], ttl: '1s' });
    const ask = () =>
      server.request('GET', 'auth/token/lookup-self', undefined, { token, allow: [403] });
    await vi.waitFor(async () => expect((await ask()).status).toBe(403), patiently);
    const env = settings({ VAULT_TOKEN: token });
    const found = await look(cwd, env);
    expect(found).toMatchObject({ code: 4, fault: { subject: 'token' } });
    expect(found.fault.command).toBe('export VAULT_TOKEN="$(bao login -token-only)"');
    // as typed by somebody who pastes a new one
    const typed = `printf %s '${server.token}' > new; export VAULT_TOKEN="$(bao login -token-only - < new)"`;
    expect((await look(cwd, env, typed)).code).toBe(0);
  });

  test.each([
    ['a policy that does not let it read', [], 'mount'],
    ['one that lets it list alone', ['path "secret/*" { capabilities = ["list"] }'], 'policy'],
  ])('has %s', async (_, rules, subject) => {
    const cwd = await folder();
    const policies = await Promise.all(rules.map((each) => server.createPolicy(each)));
    const { token } = await server.createToken({ policies: ['default', ...policies] });
    const env = settings({ VAULT_TOKEN: token });
    const found = await look(cwd, env);
    expect(found).toMatchObject({ code: 4, fault: { subject } });
    // as typed by somebody who may
    const typed = `export VAULT_TOKEN='${server.token}'; ${found.fault.command}`;
    expect((await look(cwd, env, typed)).code).toBe(0);
  });

  test('is not there, and a configuration says the rest', async () => {
    const { VAULT_TOKEN: _, ...env } = settings();
    const cwd = await folder();
    await look(cwd, env, 'keyfall init --yes');
    const found = await look(cwd, env);
    expect(found).toMatchObject({ code: 2, fault: { subject: 'settings' } });
    // the file has no place for a token
    expect(found.fault.command).toBe('export VAULT_TOKEN="$(bao login -token-only)"');
    const typed = found.fault.command?.replace('-only)', `-only - <<< '${server.token}')`);
    expect((await look(cwd, env, typed)).code).toBe(0);
  });

  test('is not there', async () => {
    const { VAULT_TOKEN: _, ...env } = settings();
    const found = await look(await folder('A=1\n'), env);
    expect(found).toMatchObject({ code: 2, fault: { subject: 'settings' } });
    expect(found.fault.command).toContain('export VAULT_TOKEN=');
    // what can be looked at is looked at
    expect(found.findings.map(({ subject }) => subject)).toContain('.env');
  });
});

describe('the document', () => {
  test('is looked for in a mount that is not there', async () => {
    const cwd = await folder();
    const env = settings({ VAULT_MOUNT_POINT: 'secrets' });
    const found = await look(cwd, env);
    expect(found.fault).toMatchObject({
      subject: 'mount',
      command: 'export VAULT_MOUNT_POINT=secret',
    });
    await expectMended(cwd, env, found);
  });

  test('is looked for at a mistyped path', async () => {
    const cwd = await folder();
    const env = settings({ VAULT_SECRET_PATH: 'aiogram-shpo' });
    const found = await look(cwd, env);
    expect(found).toMatchObject({
      code: 1,
      fault: { subject: 'path', command: 'export VAULT_SECRET_PATH=aiogram-shop' },
    });
    await expectMended(cwd, env, found);
  });

  test.each([
    ['the data/ of version 2', 'data/'],
    ['its mount', 'secret/'],
    ['both', 'secret/data/'],
  ])('has %s in its path', async (_, start) => {
    const cwd = await folder();
    const env = settings({ VAULT_SECRET_PATH: `${start}aiogram-shop` });
    const found = await look(cwd, env);
    expect(found.fault.command).toBe('export VAULT_SECRET_PATH=aiogram-shop');
    await expectMended(cwd, env, found);
  });

  test('of version 1 was written as to version 2', async () => {
    const cwd = await folder();
    const mount = await server.mountKv({ version: 1 });
    await server.request('POST', `${mount}/shop`, { data: { TOKEN: canary } });
    const env = settings({ VAULT_MOUNT_POINT: mount, VAULT_SECRET_PATH: 'shop' });
    const found = await look(cwd, env);
    expect(found.fault.command).toBe(`bao kv put -mount=${mount} shop NAME=value`);
    await expectMended(cwd, env, found);
  });

  test('is at another path than the configuration says', async () => {
    const cwd = await folder();
    const config = { providers: [{ provider: 'vault', path: 'aiogram-shpo' }] };
    await writeFile(join(cwd, 'keyfall.config.json'), JSON.stringify(config));
    await writeFile(join(cwd, 'edit'), `#!/bin/sh\nsed -i s/shpo/shop/ "$1"\n`, { mode: 0o755 });
    const env = settings({ EDITOR: './edit', VAULT_SECRET_PATH: 'aiogram-shop' });
    const found = await look(cwd, env);
    expect(found.fault.hint).toMatch(/\baiogram-shop \(/);
    expect(found.fault.command).toBe(`\${EDITOR:-vi} keyfall.config.json`);
    await expectMended(cwd, env, found);
  });

  test('is in a mount of another version than the configuration says', async () => {
    const cwd = await folder();
    const vault = { provider: 'vault', path: 'aiogram-shop', kvVersion: 1 };
    const config = join(cwd, 'keyfall.config.json');
    await writeFile(config, JSON.stringify({ providers: [vault] }));
    await writeFile(join(cwd, 'edit'), `#!/bin/sh\nsed -i 's/,"kvVersion":1//' "$1"\n`);
    await chmod(join(cwd, 'edit'), 0o755);
    const env = settings({ EDITOR: './edit' });
    const found = await look(cwd, env);
    expect(found.fault.message).toMatch(/\bsecret .*\bversion 1\b/);
    expect(found.fault.command).toBe(`\${EDITOR:-vi} keyfall.config.json`);
    await expectMended(cwd, env, found);
  });

  test('holds null, with which run would end', async () => {
    const cwd = await folder();
    await put('with-null', { TOKEN: canary, REGION: null });
    const env = settings({ VAULT_SECRET_PATH: 'with-null' });
    expect((await keyfall(['run', '--', 'true'], { cwd, env })).code).toBe(5);
    const found = await look(cwd, env);
    expect(found).toMatchObject({
      code: 5,
      fault: {
        subject: 'path',
        code: 'value-null',
        message: expect.stringMatching(/secret\/with-null .*"REGION"/),
        command: 'keyfall set REGION',
      },
    });
    const { command = '' } = found.fault;
    expect(await look(cwd, env, `echo eu | ${command}`)).toMatchObject({ code: 0 });
  });

  test('is at another path than its token may read: the mistyped one is not granted', async () => {
    const cwd = await folder();
    await put('shop-of-the-bot', { TOKEN: canary });
    const rules = 'path "secret/data/shop-of-the-bot" { capabilities = ["read"] }';
    const policies = [await server.createPolicy(rules)];
    const { token } = await server.createToken({ policies });
    const env = settings({ VAULT_TOKEN: token, VAULT_SECRET_PATH: 'shop-of-teh-bot' });
    const found = await look(cwd, env);
    expect(found).toMatchObject({
      code: 4,
      fault: { code: 'may-not-read', command: 'export VAULT_SECRET_PATH=shop-of-the-bot' },
    });
    expect(found.fault.hint).toContain('shop-of-the-bot');
    await expectMended(cwd, env, found);
    // one that is not near to any: to name it is for a person
    const far = await look(cwd, { ...env, VAULT_SECRET_PATH: 'x' });
    expect(far.fault.command).toBe('export VAULT_SECRET_PATH=shop-of-the-bot');
    for (const { findings } of [found, far])
      for (const { command = '' } of findings) expect(command).not.toContain('policy write');
  });

  test('is in a mount that does not exist, and a root token is not said to lack rights', async () => {
    const env = settings({ VAULT_MOUNT_POINT: 'secrte' });
    const found = await look(await folder(), env);
    expect(found).toMatchObject({
      code: 4,
      fault: {
        code: 'mount-wrong',
        message: expect.stringContaining('secrte'),
        command: 'export VAULT_MOUNT_POINT=secret',
      },
    });
    await expectMended(await folder(), env, found);
  });

  test('was never written', async () => {
    const cwd = await folder('TOKEN=x\n');
    const env = settings({ VAULT_SECRET_PATH: 'quite-another' });
    const found = await look(cwd, env);
    expect(found.fault.command).toBe('keyfall migrate');
    await expectMended(cwd, env, {
      ...found,
      fault: { ...found.fault, command: 'keyfall migrate --yes' },
    });
  });
});

describe('the .env', () => {
  const env: Environment = {};

  test('can be read by every user', async () => {
    const cwd = await folder('A=1\n');
    await chmod(cwd, 0o755);
    await chmod(join(cwd, '.env'), 0o644);
    const found = await look(cwd, env);
    expect(found).toMatchObject({
      code: 1,
      fault: { subject: 'mode of .env', command: 'chmod o-r .env' },
    });
    await expectMended(cwd, env, found);
  });

  test('is tracked by git', async () => {
    const cwd = await folder('A=1\n');
    await run('git', ['init', '-q'], { cwd });
    await run('git', ['add', '.env'], { cwd });
    const found = await look(cwd, env);
    expect(found).toMatchObject({ code: 1, fault: { subject: 'git and .env' } });
    expect(found.fault.command).toBe(
      "git rm --cached .env && printf '\\n%s\\n' .env >> .gitignore",
    );
    await expectMended(cwd, env, found);
  });

  test('would be taken by the next git add', async () => {
    const cwd = await folder('A=1\n');
    await run('git', ['init', '-q'], { cwd });
    const found = await look(cwd, env);
    expect(found.fault.command).toBe("printf '\\n%s\\n' .env >> .gitignore");
    await expectMended(cwd, env, found);
  });

  test.each([
    ['taken by the next git add', [], "printf '\\n%s\\n' env >> real/.gitignore"],
    [
      'tracked',
      ['add', 'real/env'],
      "git -C real/ rm --cached env && printf '\\n%s\\n' env >> real/.gitignore",
    ],
  ])('is a link to a file that is %s', async (_, add, command) => {
    const cwd = await folder();
    await mkdir(join(cwd, 'real'));
    await writeFile(join(cwd, 'real/env'), 'A=1\n', { mode: 0o600 });
    await symlink('real/env', join(cwd, '.env'));
    await run('git', ['init', '-q'], { cwd });
    await writeFile(join(cwd, '.gitignore'), '.env*\n');
    if (add.length > 0) await run('git', [...add], { cwd });
    const found = await look(cwd, env);
    expect(found.fault).toMatchObject({ subject: 'git and .env', command });
    expect(found.fault.message).toContain(', as real/env');
    expect(found.fault.hint).toContain('real/.gitignore');
    await expectMended(cwd, env, found);
  });

  test('has a backup that git would take, tracks, or that every user can read', async () => {
    const cwd = await folder(`TOKEN=${canary}\n`);
    await run('git', ['init', '-q'], { cwd });
    await writeFile(join(cwd, '.gitignore'), '.env\n');
    const env = settings({ VAULT_SECRET_PATH: 'with-backup' });
    const taken = await look(cwd, env, 'keyfall migrate --yes --activate --purge');
    const [backup = ''] = (await readdir(cwd)).filter((name) => /backup\..*Z$/.test(name));
    expect(taken.fault).toMatchObject({
      subject: `git and ${backup}`,
      hint: 'Add .env.backup.* to .gitignore.',
      command: "printf '\\n%s\\n' '.env.backup.*' >> .gitignore",
    });
    expect(taken.code).toBe(1);
    await expectMended(cwd, env, taken);
    await run('git', ['add', '--force', backup], { cwd });
    const tracked = await look(cwd, env);
    expect(tracked.fault.command).toMatch(`git rm --cached ${backup} && printf`);
    await expectMended(cwd, env, tracked);
    await chmod(cwd, 0o755);
    await chmod(join(cwd, backup), 0o644);
    const open = await look(cwd, env);
    expect(open.fault).toMatchObject({
      subject: `mode of ${backup}`,
      command: `chmod o-r ${backup}`,
    });
    await expectMended(cwd, env, open);
  });

  test('is tracked by git, whose rules end in the middle of a line', async () => {
    const cwd = await folder('A=1\n');
    await run('git', ['init', '-q'], { cwd });
    await writeFile(join(cwd, '.gitignore'), 'node_modules');
    await run('git', ['add', '.'], { cwd });
    await expectMended(cwd, env, await look(cwd, env));
    expect(await readFile(join(cwd, '.gitignore'), 'utf8')).toBe('node_modules\n.env\n');
  });

  test('is another one than usual', async () => {
    const cwd = await folder();
    const prod = `USE_VAULT=true\nVAULT_SECRET_PATH=its-prod\nTOKEN=x\n`;
    await writeFile(join(cwd, "it's prod.env"), prod, { mode: 0o600 });
    const flags = `--dotenv "it's prod.env"`;
    const { VAULT_SECRET_PATH: _, USE_VAULT: __, ...env } = settings();
    const { fault } = await look(cwd, env, ':', flags);
    expect(fault.command).toBe(`keyfall --dotenv 'it'\\''s prod.env' migrate`);
    expect((await look(cwd, env, `${fault.command} --yes`, flags)).code).toBe(0);
  });

  test.each([
    ['is a folder', 2, (path: string) => mkdir(path)],
    ['is UTF-16', 5, (path: string) => writeFile(path, '\ufeffA=1\n', 'utf16le')],
    ['points to nothing', 5, (path: string) => symlink('nowhere', path)],
  ])('%s', async (_, code, make) => {
    const cwd = await folder();
    await make(join(cwd, '.env'));
    const found = await look(cwd, env);
    expect(found).toMatchObject({ code, fault: { subject: 'settings' } });
    expect(found.fault.message).toContain('.env is ');
  });

  test('has lines that dotenv drops, and a name twice', async () => {
    const cwd = await folder('A=1\nA=2\nno assignment\n');
    await writeFile(join(cwd, 'edit'), '#!/bin/sh\nsed -i "/A=1/d; /no/d" "$1"\n', { mode: 0o755 });
    const found = await look(cwd, { EDITOR: './edit' });
    expect(found.fault).toMatchObject({ subject: 'lines of .env' });
    expect(found.fault.command).toBe(`\${EDITOR:-vi} .env`);
    await expectMended(cwd, { EDITOR: './edit' }, found);
  });

  test('has a USE_VAULT that is neither true nor false', async () => {
    const cwd = await folder('USE_VAULT=maybe\n');
    const found = await look(cwd, settings({ USE_VAULT: 'maybe' }));
    expect(found).toMatchObject({ code: 2, fault: { command: 'export USE_VAULT=true' } });
    await expectMended(cwd, settings({ USE_VAULT: 'maybe' }), found);
  });

  test('names a Vault that is not asked', async () => {
    const cwd = await folder(`VAULT_SECRET_PATH=shop\nVAULT_ADDR=${server.address}\n`);
    const { code, findings } = await look(cwd, env);
    expect(code).toBe(0);
    expect(findings[1]).toMatchObject({ state: 'unknown', command: 'export USE_VAULT=true' });
  });
});

describe('the configuration', () => {
  test.each([
    ['false', 'vault'],
    ['true', 'env'],
  ])('makes USE_VAULT=%s count for nothing beside %s, which is said', async (value, id) => {
    const cwd = await folder();
    const provider = { provider: id, ...(id === 'vault' && { path: 'aiogram-shop' }) };
    await writeFile(join(cwd, 'keyfall.config.json'), JSON.stringify({ providers: [provider] }));
    const env = settings({ USE_VAULT: value });
    const listed = await keyfall(['list'], { cwd, env });
    expect(listed).toMatchObject({
      code: 0,
      stderr: expect.stringMatching(
        /^keyfall: USE_VAULT .* keyfall\.config\.json .* --no-config .*\n$/,
      ),
    });
    const { findings } = await look(cwd, env);
    const [finding] = findings.filter(({ subject }) => subject === 'settings');
    expect(finding).toMatchObject({
      state: 'unknown',
      code: 'use-vault-not-counted',
      command: 'unset USE_VAULT',
    });
    const other = settings({ USE_VAULT: value === 'true' ? 'false' : 'true' });
    expect((await keyfall(['list'], { cwd, env: other })).stderr).toBe('');
  });

  test('requires a name that no provider holds', async () => {
    const cwd = await folder('TOKEN=x\n');
    await writeFile(
      join(cwd, 'keyfall.config.json'),
      JSON.stringify({ names: ['TOKN'], providers: [{ provider: 'dotenv' }] }, null, 2),
    );
    const found = await look(cwd, {});
    expect(found).toMatchObject({
      code: 1,
      fault: {
        subject: 'names',
        hint: expect.stringContaining('TOKEN?'),
        command: 'keyfall set TOKN',
      },
    });
    await expectMended(
      cwd,
      {},
      { ...found, fault: { ...found.fault, command: 'echo x | keyfall set TOKN' } },
    );
  });

  test('is wrong', async () => {
    const cwd = await folder();
    await writeFile(join(cwd, 'keyfall.config.json'), '{ "providers": "none" }');
    const found = await look(cwd, {});
    expect(found).toMatchObject({ code: 2, fault: { subject: 'settings' } });
    expect(found.fault.message).toContain('keyfall.config.json, line 1: providers');
  });
});

/** A server with TLS, by a certificate of an authority that nobody knows. */
async function startSecure(): Promise<Secure> {
  const authority = await newAuthority(server);
  const issued = await authority.issue('localhost', '24h');
  const file = async (name: string, content: unknown) => {
    await writeFile(join(tools, name), String(content));
    return join(tools, name);
  };
  const port = await freePort();
  const tcp = {
    address: `127.0.0.1:${port}`,
    tls_cert_file: await file('cert.pem', issued.cert),
    tls_key_file: await file('key.pem', issued.key),
  };
  const config = await file('tls.json', JSON.stringify({ listener: { tcp } }));
  const running = await startVaultServer({
    external: false,
    token: server.token,
    args: [`-config=${config}`],
  });
  await running.request('POST', 'secret/data/aiogram-shop', { data: { TOKEN: canary } });
  return {
    address: `https://127.0.0.1:${port}`,
    caFile: await file('ca.pem', authority.pem),
    stop: () => running.stop(),
  };
}

interface Secure {
  readonly address: string;
  /** The certificate of the authority. */
  readonly caFile: string;
  stop(): Promise<void>;
}

/** A real server that keeps all in memory and was never initialised. */
async function uninitialised(cwd: string): Promise<string> {
  const port = await freePort();
  const address = `http://127.0.0.1:${port}`;
  const config = {
    storage: { inmem: {} },
    listener: { tcp: { address: `127.0.0.1:${port}`, tls_disable: true } },
    api_addr: address,
  };
  const path = join(cwd, 'server.json');
  await writeFile(path, JSON.stringify(config));
  const child = spawn(await findVaultBinary(), ['server', `-config=${path}`], { stdio: 'ignore' });
  onTestFinished(async () => {
    child.kill('SIGKILL');
    await once(child, 'exit');
  });
  await vi.waitFor(() => fetch(`${address}/v1/sys/health`), patiently);
  return address;
}
