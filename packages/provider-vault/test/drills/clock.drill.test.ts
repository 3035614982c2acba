/**
 * Clocks that jump, and a process that was stopped for longer than its token lives.
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { assertNoLeak, manualClock } from '@keyfall/testkit';
import { beforeAll, expect, test, vi } from 'vitest';
import { appRoleAuth, vaultProvider } from '../../src/index.ts';
import { appRoles, type NewRole } from './app-roles.ts';
import { canaries, drill, path, policy, relay, server, stage, value } from './stage.ts';

let newRole: NewRole;
const login = 'POST auth/approle/login';

stage();
beforeAll(async () => {
  newRole = await appRoles(server, policy, canaries);
});

const tokens = () => [...new Set(relay.requests.flatMap(({ token }) => token ?? []))];

test('a clock that is set: forward costs one login, back makes nothing live longer', async () => {
  const clock = manualClock();
  const hour = 3_600_000;
  const { roleId, secret: secretId } = await newRole({ token_ttl: '30m' });
  const auth = appRoleAuth({ roleId, secretId });
  const { address } = relay;
  const vault = vaultProvider({ address, path, kvVersion: 2, env: {}, auth, clock });
  const secrets = drill.open({ providers: [vault], clock, ttl: '1m' });
  const began = clock.wall();
  const reads = () => relay.count(`GET secret/data/${path}`);
  expect(await secrets.get('A')).toBe(value);
  expect([relay.count(login), reads()]).toEqual([1, 1]);

  clock.setWall(began + hour);
  expect(await secrets.get('A')).toBe(value);
  expect([relay.count(login), reads()]).toEqual([2, 2]);

  clock.setWall(began - hour);
  expect(await secrets.get('A')).toBe(value);
  await clock.advance(hour);
  expect(await secrets.get('A')).toBe(value);
  expect(reads()).toBeGreaterThanOrEqual(3);
  expect(relay.count(login)).toBeGreaterThanOrEqual(3);
  canaries.push(...tokens());
  expect(drill.events.filter(({ type }) => type === 'failed' || type === 'fallback')).toEqual([]);
});

/** A program in a process of its own, which answers `get` with the hash of what it got. */
async function startClient(): Promise<{
  readonly child: ChildProcess;
  readonly printed: () => string;
  get(): Promise<string>;
}> {
  const folder = await mkdtemp(join(tmpdir(), 'keyfall-client-'));
  const sourceOf = (place: string) =>
    JSON.stringify(fileURLToPath(new URL(place, import.meta.url)));
  await writeFile(
    join(folder, 'client.ts'),
    `import { createHash } from 'node:crypto';
import { createInterface } from 'node:readline';
import { createSecrets } from ${sourceOf('../../../core/src/index.ts')};
import { appRoleAuth, vaultProvider } from ${sourceOf('../../src/index.ts')};
const { ADDRESS, SECRET_PATH, ROLE_ID, SECRET_ID } = process.env;
const auth = appRoleAuth({ roleId: ROLE_ID, secretId: SECRET_ID });
const vault = vaultProvider({ address: ADDRESS, path: SECRET_PATH, kvVersion: 2, env: {}, auth });
const secrets = createSecrets({ providers: [vault], ttl: 1 });
for (const type of ['fallback', 'failed', 'denied', 'warning'])
  secrets.on(type, (event) => console.error(type, event));
for await (const _ of createInterface({ input: process.stdin }))
  try {
    console.log(createHash('sha256').update(await secrets.get('A')).digest('hex'));
  } catch (error) {
    console.log(String(error));
    console.error(error);
  }
`,
  );
  // the sources need a bundler to be run by Node itself
  const bundle = `import { rolldown } from 'rolldown';
const bundle = await rolldown({
  input: process.env.ENTRY, platform: 'node', external: ['node-vault'],
  resolve: { conditionNames: ['@keyfall/source', 'node', 'import', 'default'] },
});
await bundle.write({ file: process.env.OUTPUT, format: 'esm', codeSplitting: false });`;
  const program = join(folder, 'client.mjs');
  await promisify(execFile)(process.execPath, ['--input-type=module', '-e', bundle], {
    cwd: fileURLToPath(new URL('../../../..', import.meta.url)),
    env: { ...process.env, ENTRY: join(folder, 'client.ts'), OUTPUT: program },
  });
  const { roleId, secret } = await newRole({ token_ttl: '2s', token_max_ttl: '2s' });
  const child = spawn(process.execPath, [program], {
    stdio: ['pipe', 'pipe', 'pipe'],
    env: {
      PATH: process.env['PATH'],
      DEBUG: '*',
      NODE_DEBUG: 'net,tls,timer,http,https,stream',
      ADDRESS: relay.address,
      SECRET_PATH: path,
      ROLE_ID: roleId,
      SECRET_ID: secret,
    },
  });
  let printed = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    printed += text;
  });
  const lines = createInterface({ input: child.stdout });
  child.once('exit', () => void rm(folder, { recursive: true, force: true }));
  return {
    child,
    printed: () => printed,
    async get() {
      child.stdin.write('get\n');
      const [line] = (await once(lines, 'line')) as [string];
      printed += line;
      return line;
    },
  };
}

test('a process that was stopped for longer than its token lives reads again at once', async () => {
  const client = await startClient();
  try {
    const expected = createHash('sha256').update(value).digest('hex');
    expect(await client.get()).toBe(expected);
    client.child.kill('SIGSTOP');
    const [token] = tokens().slice(-1);
    await vi.waitUntil(
      async () => {
        const look = { token };
        const allow = [403, 404];
        return (await server.request('POST', 'auth/token/lookup', look, { allow })).status !== 200;
      },
      { timeout: 20_000, interval: 100 },
    );
    const logins = relay.count(login);
    client.child.kill('SIGCONT');
    expect(await client.get()).toBe(expected);
    expect(relay.count(login)).toBeGreaterThan(logins);
    canaries.push(...tokens());
    assertNoLeak(canaries, client.printed());
    expect(client.printed()).toMatch(/HTTP \d+/); // what prints for debugging was switched on
    expect(client.printed()).not.toMatch(/^(?:fallback|failed|denied)/m);
  } finally {
    client.child.kill('SIGKILL');
  }
});
