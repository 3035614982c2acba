/**
 * `run` while its program runs: what it gives back, when it restarts the program, and how it ends it.
 */
import { readFile, rename, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { sharedVaultServer, startVaultServer, type VaultServer } from '@keyfall/testkit';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { newAuthority } from '../../../test/authority.ts';
import { bin, finished, folderWith, install, keyfall, printed, start } from './keyfall.ts';
import { typing } from './on-terminal.ts';

/** A configuration whose one provider hands out a lease, and writes down what happens to it. */
const leasing = (more = '') => `
import { appendFileSync } from 'node:fs';
const note = (text) => appendFileSync('log', text + '\\n');
const entries = new Map([['A', { value: 'one', ${more} }]]);
export default {
  providers: [{
    name: 'leasing', store: 'leasing',
    async read() { note('read'); return { entries, complete: true }; },
    async close() { note('close'); },
  }],
};`;
const lease = "lease: { id: 'x', renewable: true, duration: 60_000 }";

describe('a lease', () => {
  test('is kept while the program runs, and given back when it ended', async () => {
    const cwd = await folderWith();
    await writeFile(join(cwd, 'keyfall.config.mjs'), leasing(lease));
    const script = 'echo start $A >> log; sleep 0.2; echo end >> log; exit 4';
    expect((await keyfall(['run', '--', 'sh', '-c', script], { cwd })).code).toBe(4);
    expect(await readFile(join(cwd, 'log'), 'utf8')).toBe('read\nstart one\nend\nclose\n');
  });

  test('is given back when a signal ends the program', async () => {
    const cwd = await folderWith();
    await writeFile(join(cwd, 'keyfall.config.mjs'), leasing(lease));
    const child = start(['run', '--', 'sh', '-c', 'echo ready; exec sleep 60'], { cwd });
    const result = finished(child);
    await printed(child, 'ready');
    child.kill('SIGTERM');
    expect((await result).code).toBe(143);
    expect(await readFile(join(cwd, 'log'), 'utf8')).toBe('read\nclose\n');
  });

  test('that does not exist keeps nothing open: all is closed before the program starts', async () => {
    const cwd = await folderWith();
    await writeFile(join(cwd, 'keyfall.config.mjs'), leasing());
    expect((await keyfall(['run', '--', 'sh', '-c', 'echo start >> log'], { cwd })).code).toBe(0);
    expect(await readFile(join(cwd, 'log'), 'utf8')).toBe('read\nclose\nstart\n');
  });

  test('of a real server is revoked when the program ended', async () => {
    const server = await sharedVaultServer();
    const { mount } = await newAuthority(server);
    await server.request('POST', `${mount}/roles/shop`, {
      allow_any_name: true,
      key_type: 'ec',
      generate_lease: true,
      ttl: '10m',
    });
    const cwd = await folderWith();
    const entry = {
      provider: 'vault-dynamic',
      address: server.address,
      path: `${mount}/issue/shop`,
      parameters: { common_name: 'shop.test' },
    };
    await writeFile(join(cwd, 'keyfall.config.json'), JSON.stringify({ providers: [entry] }));
    const leases = async () => {
      const { body } = await server.request(
        'LIST',
        `sys/leases/lookup/${mount}/issue/shop/`,
        undefined,
        { allow: [404] },
      );
      return (body.data as { keys?: string[] } | undefined)?.keys?.length ?? 0;
    };
    const child = start(['run', '--', 'sh', '-c', 'echo ready $serial_number; read x'], {
      cwd,
      env: { VAULT_ADDR: server.address, VAULT_TOKEN: server.token },
    });
    const result = finished(child, { open: true });
    expect(await printed(child, '\n')).toMatch(/^ready [0-9a-f:]+\n$/);
    expect(await leases()).toBe(1);
    child.stdin?.end('\n');
    expect(await result).toMatchObject({ code: 0, stderr: '' });
    expect(await leases()).toBe(0);
  });
});

describe('a login of ours', () => {
  let server: VaultServer;
  let mount: string;
  let policy: string;
  let env: Record<string, string>;
  beforeAll(async () => {
    server = await startVaultServer({ external: false });
    mount = await server.mountKv({ version: 2 });
    await server.request('POST', `${mount}/data/shop`, { data: { TOKEN: 'canary-value' } });
    policy = await server.createPolicy(`path "${mount}/data/shop" { capabilities = ["read"] }`);
    const role = 'auth/approle/role/shop';
    await server.request('POST', 'sys/auth/approle', { type: 'approle' });
    await server.request('POST', role, { token_policies: [policy] });
    const { body: id } = await server.request('GET', `${role}/role-id`);
    const { body: secret } = await server.request('POST', `${role}/secret-id`);
    env = {
      VAULT_ADDR: server.address,
      SHOP_ROLE: String(id.data?.['role_id']),
      SHOP_KEY: String(secret.data?.['secret_id']),
    };
  });
  afterAll(() => server?.stop());

  /** A folder whose configuration logs in by AppRole. */
  async function folderWithLogin(): Promise<string> {
    const cwd = await folderWith();
    await install(cwd, '@keyfall/provider-vault');
    await writeFile(
      join(cwd, 'keyfall.config.mjs'),
      `import { appRoleAuth, vaultProvider } from '@keyfall/provider-vault';
const auth = appRoleAuth({ roleId: { env: 'SHOP_ROLE' }, secretId: { env: 'SHOP_KEY' } });
export default { providers: () => [vaultProvider({ mount: '${mount}', path: 'shop', auth })] };`,
    );
    return cwd;
  }

  /** How many tokens there are besides the root's, each of which came of a login. */
  async function logins(): Promise<number> {
    const { body } = await server.request('LIST', 'auth/token/accessors');
    return (body.data as { keys: string[] }).keys.length - 1;
  }

  test.each([
    ['', []],
    [', with --redact as well', ['--redact']],
  ])(
    'is over before the program starts, and its credentials are not there%s',
    async (_, options) => {
      const cwd = await folderWithLogin();
      const script = 'test -n "$TOKEN" && echo "[$SHOP_ROLE$SHOP_KEY]"; read x';
      const child = start(['run', ...options, '--', 'sh', '-c', script], { cwd, env });
      const result = finished(child, { open: true });
      expect(await printed(child, '\n')).toBe('[]\n');
      expect(await logins()).toBe(0);
      child.stdin?.end('\n');
      expect(await result).toMatchObject({ code: 0, stderr: '' });
    },
  );

  test('lasts as long as we watch, and ends with the program', async () => {
    const cwd = await folderWithLogin();
    const child = start(['run', '--watch', '--', 'sh', '-c', 'echo ready; read x'], { cwd, env });
    const result = finished(child, { open: true });
    await printed(child, 'ready');
    expect(await logins()).toBe(1);
    child.stdin?.end('\n');
    expect((await result).code).toBe(0);
    expect(await logins()).toBe(0);
  });

  test('or token that ends while we watch leaves the program what it has, whatever a .env holds', async () => {
    const { token } = await server.createToken({ policies: [policy] });
    const cwd = await folderWith('TOKEN=canary-file\n');
    const vault = { USE_VAULT: 'true', VAULT_MOUNT_POINT: mount, VAULT_SECRET_PATH: 'shop' };
    const child = start(['run', '--watch', '--', 'sh', '-c', 'echo "now $TOKEN"; exec sleep 60'], {
      cwd,
      env: { ...vault, VAULT_ADDR: server.address, VAULT_TOKEN: token, KEYFALL_TTL: '0ms' },
    });
    const result = finished(child);
    await printed(child, 'now canary-value');
    await server.request('POST', 'auth/token/revoke', { token });
    await printed(child, 'vault (', 'stderr');
    child.kill('SIGTERM');
    expect(await result).toMatchObject({ code: 143, stdout: 'now canary-value\n' });
    expect((await result).stderr).not.toContain('canary');
  });

  test('with --pass-bootstrap its credentials are there, and masked in what it prints', async () => {
    const cwd = await folderWithLogin();
    const args = ['run', '--pass-bootstrap', '--redact', '--', 'sh', '-c', 'echo "[$SHOP_KEY]"'];
    expect((await keyfall(args, { cwd, env })).stdout).toBe('[[redacted]]\n');
  });
});

describe('--watch', () => {
  const loop = 'trap "exit 9" TERM; echo "now $A"; while :; do sleep 0.05; done';
  const env = { KEYFALL_TTL: '0ms' };

  test('restarts the program when a secret changed, and keeps it while one cannot be read', async () => {
    const cwd = await folderWith('A=one\n');
    const child = start(['run', '--watch', '--', 'sh', '-c', loop], { cwd, env });
    const result = finished(child);
    await printed(child, 'now one');
    await writeFile(join(cwd, '.env'), Buffer.from([0x41, 0x3d, 0xff]));
    await printed(child, 'dotenv (.env)', 'stderr');
    await writeFile(join(cwd, '.env'), 'A=two\n');
    await printed(child, 'now two');
    child.kill('SIGTERM');
    expect(await result).toMatchObject({ code: 9, stdout: 'now one\nnow two\n' });
    expect((await result).stderr).toMatch(/^keyfall: dotenv \(\.env\) .*\nkeyfall: A .*\n$/);
  });

  test('--reload-signal signals the program instead of restarting it', async () => {
    const cwd = await folderWith('A=one\n');
    const script = `trap 'echo reload' HUP; ${loop}`;
    const args = ['run', '--watch', '--reload-signal', 'hup', '--', 'sh', '-c', script];
    const child = start(args, { cwd, env });
    const result = finished(child);
    await printed(child, 'now one');
    await writeFile(join(cwd, '.env'), 'A=two\n');
    await printed(child, 'reload');
    child.kill('SIGTERM');
    expect(await result).toMatchObject({ code: 9, stdout: 'now one\nreload\n' });
  });

  test('ends with the program, with its exit code', async () => {
    const cwd = await folderWith('A=one\n');
    expect((await keyfall(['run', '--watch', '--', 'sh', '-c', 'exit 5'], { cwd })).code).toBe(5);
    expect((await keyfall(['run', '--watch', '--', 'no-such'], { cwd })).code).toBe(127);
  });

  test('a program that does not end for the new start is killed', async () => {
    const cwd = await folderWith('A=one\n');
    const script = 'trap "" TERM; echo "now $A"; while :; do sleep 0.05; done';
    const args = ['run', '--watch', '--kill-after', '100ms', '--', 'sh', '-c', script];
    const child = start(args, { cwd, env });
    const result = finished(child);
    await printed(child, 'now one');
    await writeFile(join(cwd, '.env'), 'A=two\n');
    await printed(child, 'now two');
    child.kill('SIGTERM');
    expect((await result).code).toBe(137);
  });

  test('masks the new value as well', async () => {
    const cwd = await folderWith('A=canary-one\n');
    const child = start(['run', '--watch', '--redact', '--', 'sh', '-c', `${loop}`], { cwd, env });
    const result = finished(child);
    await printed(child, 'now [redacted]');
    await writeFile(join(cwd, '.env'), 'A=canary-two\n');
    await printed(child, 'now [redacted]');
    child.kill('SIGTERM');
    expect((await result).output).not.toContain('canary');
  });
});

describe('a program that runs well is not stopped', () => {
  const loop =
    'trap "exit 9" TERM; echo "now $(printf %s "$A" | wc -c)"; while :; do sleep 0.05; done';
  const env = { KEYFALL_TTL: '0ms' };
  const one = 'A=1\n';
  const large = `A=${'x'.repeat(140_000)}\n`;

  test('for an environment too large to start it with', async () => {
    const cwd = await folderWith(one);
    const child = start(['run', '--watch', '--', 'sh', '-c', loop], { cwd, env });
    const result = finished(child);
    await printed(child, 'now 1');
    await writeFile(join(cwd, '.env'), large);
    await printed(child, 'E2BIG', 'stderr');
    await writeFile(join(cwd, '.env'), 'A=12\n');
    await printed(child, 'now 2');
    child.kill('SIGTERM');
    expect(await result).toMatchObject({ code: 9, stdout: 'now 1\nnow 2\n' });
  });

  test('while its file is away', async () => {
    const cwd = await folderWith(one);
    const program = join(cwd, 'program');
    await writeFile(program, `#!/bin/sh\n${loop}\n`, { mode: 0o755 });
    const child = start(['run', '--watch', '--', program], { cwd, env });
    const result = finished(child);
    await printed(child, 'now 1');
    await rename(program, `${program}.old`);
    await writeFile(join(cwd, '.env'), 'A=12\n');
    await printed(child, program, 'stderr');
    await rename(`${program}.old`, program);
    await printed(child, 'now 2');
    child.kill('SIGTERM');
    expect(await result).toMatchObject({ code: 9, stdout: 'now 1\nnow 2\n' });
  });
});

test('stderr stays as it is for the program when a connection of ours closes', async () => {
  const server = await startVaultServer({ external: false });
  onTestFinished(() => server.stop());
  await server.request('POST', 'secret/data/shop', { data: { A: 'one' } });
  const cwd = await folderWith();
  const script = `
import fcntl, os, signal, time
def tell(*_):
    print('blocking', not fcntl.fcntl(2, fcntl.F_GETFL) & os.O_NONBLOCK, flush=True)
signal.signal(signal.SIGUSR1, tell)
tell()
while True: time.sleep(60)
`;
  const child = start(['run', '--watch', '--', 'python3', '-c', script], {
    cwd,
    env: {
      USE_VAULT: 'true',
      VAULT_ADDR: server.address,
      VAULT_TOKEN: server.token,
      VAULT_SECRET_PATH: 'shop',
      KEYFALL_TTL: '1s',
    },
  });
  expect(await printed(child, 'blocking')).toContain('blocking True');
  const failing = printed(child, 'vault (', 'stderr');
  await server.kill();
  await failing;
  const told = printed(child, 'blocking');
  child.kill('SIGUSR1');
  expect(await told).toContain('blocking True');
  child.kill('SIGTERM');
  await finished(child);
});

test('a Ctrl-C arrives once, wherever the streams go', async () => {
  const cwd = await folderWith();
  const script = `
import signal, time
count = 0
def interrupt(*_):
    global count
    count += 1
    if count == 1: signal.alarm(1)
def end(*_):
    with open('count', 'w') as file: file.write(str(count))
    raise SystemExit(0)
signal.signal(signal.SIGINT, interrupt)
signal.signal(signal.SIGALRM, end)
with open('ready', 'w'): pass
while True: time.sleep(0.05)
`;
  await writeFile(join(cwd, 'count.py'), script);
  const ours = `'${process.execPath}' '${bin}' run --kill-after 60s -- python3 count.py </dev/null >/dev/null 2>&1`;
  const waiting = '( while ! test -f ready; do sleep 0.05; done; echo ready; exec sleep 60 ) &';
  const { code } = await typing(
    ['sh', '-c', `${waiting} trap : INT; ${ours}; exit $?`],
    [['ready', '\u0003']],
    { cwd },
  );
  expect(code).toBe(0);
  expect(await readFile(join(cwd, 'count'), 'utf8')).toBe('1');
});

test.each(['child_process', '*', 'http,CHILD_*'])(
  'NODE_DEBUG=%s, by which Node would print the values, starts nothing beside us',
  async (sections) => {
    const cwd = await folderWith('A=canary-7d1e\n');
    const env = { NODE_DEBUG: sections };
    const args = ['run', '--kill-after', '1s', '--', 'echo', 'started'];
    const { code, stdout, output } = await keyfall(args, { cwd, env });
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(output).toMatch(/^keyfall: NODE_DEBUG /m);
    expect(output).not.toContain('canary');
    const harmless = await keyfall(args, { cwd, env: { NODE_DEBUG: 'child,process' } });
    expect(harmless).toMatchObject({ code: 0, stdout: 'started\n' });
  },
);

describe('--kill-after', () => {
  test.each([
    ['sh', ['sh', '-c', 'trap "" TERM; echo ready; while :; do sleep 0.05; done']],
    [
      'python',
      [
        'python3',
        '-c',
        'import signal,time; signal.signal(15, signal.SIG_IGN); print("ready", flush=True); time.sleep(60)',
      ],
    ],
    [
      'node',
      [
        process.execPath,
        '-e',
        'process.on("SIGTERM", () => {}); console.log("ready"); setInterval(() => {}, 1e5)',
      ],
    ],
  ])('a %s that ignores TERM is killed', async (_, command) => {
    const cwd = await folderWith();
    const child = start(['run', '--kill-after', '150ms', '--', ...command], { cwd });
    const result = finished(child);
    await printed(child, 'ready');
    child.kill('SIGTERM');
    expect((await result).code).toBe(137);
  });

  test.each([
    '1m',
    '365d', // more than a timer can hold
  ])('one that ends in time (%s) keeps its exit code', async (time) => {
    const cwd = await folderWith();
    const script = 'trap "sleep 0.1; exit 3" TERM; echo ready; while :; do sleep 0.05; done';
    const child = start(['run', '--kill-after', time, '--', 'sh', '-c', script], { cwd });
    const result = finished(child);
    await printed(child, 'ready');
    child.kill('SIGTERM');
    expect((await result).code).toBe(3);
  });
});

test('a signal before the program starts prevents the start, and sets the exit code', async () => {
  const silent = createServer();
  const asked = new Promise<void>((resolve) => silent.once('connection', () => resolve()));
  await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void silent.close());
  const { port } = silent.address() as { port: number };
  const cwd = await folderWith();
  const child = start(['run', '--', 'echo', 'started'], {
    cwd,
    env: {
      USE_VAULT: 'true',
      VAULT_ADDR: `http://127.0.0.1:${port}`,
      VAULT_TOKEN: 'hvs.canary',
      VAULT_SECRET_PATH: 'shop',
    },
  });
  const result = finished(child);
  await asked;
  child.kill('SIGTERM');
  expect(await result).toMatchObject({ code: 143, stdout: '' });
});

test.each([
  ['--kill-after', 'soon', '--kill-after'],
  ['--reload-signal', 'HUP', '--watch'],
  ['--watch', '--reload-signal=KILL', '--reload-signal'],
  ['--watch', '--reload-signal=NOPE', '--reload-signal'],
])('%s %s is refused', async (option, value, why) => {
  const cwd = await folderWith();
  const result = await keyfall(['run', option, value, '--', 'echo', 'started'], { cwd });
  expect(result).toMatchObject({ code: 2, stdout: '', stderr: expect.stringContaining(why) });
});
