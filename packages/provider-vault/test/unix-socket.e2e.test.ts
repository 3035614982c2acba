/**
 * `unix://` addresses: OpenBao's own agent on a socket, before a real server.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { isSecretError } from '@keyfall/core';
import {
  assertNoLeak,
  faultyServer,
  findVaultBinary,
  sharedVaultServer,
  temporaryFolder,
  type VaultServer,
} from '@keyfall/testkit';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { vaultProvider } from '../src/index.ts';
import {
  canary,
  context,
  enableAuth,
  eventually,
  failureOf,
  freshPath,
  tokenFor,
  wires,
  writeAppRole,
  writePolicy,
} from './harness.ts';

let server: VaultServer;
let folder: string;
let remove: () => Promise<void>;
let agent: ChildProcess;
let token = '';
const path = freshPath();
const value = canary();

beforeAll(async () => {
  server = await sharedVaultServer();
  ({ folder, remove } = await temporaryFolder());
  await server.request('POST', `secret/data/${path}`, { data: { A: value } });
  let policy = '';
  ({ token, policy } = await tokenFor(server, writePolicy('secret', path)));
  const socket = join(folder, 'agent.sock');
  const config = join(folder, 'agent.hcl');
  await enableAuth(server, 'approle');
  await writeAppRole(server, 'agent', policy, folder);
  await writeFile(
    config,
    `vault { address = "${server.address}" }
api_proxy { use_auto_auth_token = true }
auto_auth {
  method "approle" {
    config = {
      role_id_file_path = "${join(folder, 'role-id')}"
      secret_id_file_path = "${join(folder, 'secret-id')}"
      remove_secret_id_file_after_reading = false
    }
  }
}
listener "unix" {
  address = "${socket}"
  tls_disable = true
  require_request_header = true
}
`,
  );
  const { PATH = '' } = process.env;
  agent = spawn(await findVaultBinary(), ['agent', `-config=${config}`], {
    env: { PATH, HOME: folder },
    stdio: 'ignore',
  });
  while (!(await answers(socket)))
    if (agent.exitCode !== null) throw new Error('the agent does not start');
});
afterAll(async () => {
  const over = new Promise((resolve) => agent?.once('exit', resolve));
  if (agent?.kill('SIGKILL')) await over;
  await remove();
});

function answers(socket: string): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = connect(socket, () => {
      probe.destroy();
      resolve(true);
    });
    // the next look comes with the next turn of the event loop at the earliest
    probe.on('error', () => setTimeout(resolve, 20, false));
  });
}

describe.each(['direct', 'node-vault'] as const)('wire %s', (wire) => {
  test.each(['VAULT_AGENT_ADDR', 'BAO_AGENT_ADDR', 'VAULT_ADDR'])(
    'a socket in %s: read and write through the agent, which asks for the request header',
    async (variable) => {
      const env = {
        ...(variable === 'VAULT_ADDR' ? {} : { VAULT_ADDR: 'http://127.0.0.1:1' }),
        [variable]: `unix://${join(folder, 'agent.sock')}`,
        VAULT_TOKEN: token,
        // nothing between this process and the socket can read the token
        VAULT_PROXY_ADDR: 'http://127.0.0.1:1',
      };
      const provider = vaultProvider({ path, env, wire: wires[wire] });
      expect(provider.store).toContain(`unix://${folder}`);
      const entries = new Map([['B', wire]]);
      await provider.write?.({ entries }, context());
      const batch = await provider.read('all', context());
      expect(batch.entries.get('A')).toMatchObject({ value });
      expect(batch.entries.get('B')).toMatchObject({ value: wire });
      await provider.close?.();
    },
  );
});

describe.each(['direct', 'node-vault'] as const)('without a token, by wire %s', (wire) => {
  test.each(['VAULT_AGENT_ADDR', 'agentToken'])("the agent's own is used: %s", async (by) => {
    const address = `unix://${join(folder, 'agent.sock')}`;
    const provider =
      by === 'agentToken'
        ? vaultProvider({ path, wire: wires[wire], address, token: { agent: true }, env: {} })
        : vaultProvider({ path, wire: wires[wire], env: { [by]: address } });
    // the agent listens before it has logged in
    await eventually(async () => {
      const { entries } = await provider.read('all', context());
      expect(entries.get('A')).toMatchObject({ value });
    });
    const checks = await provider.check?.(context());
    expect(checks?.filter(({ state }) => state === 'failing')).toEqual([]);
    await provider.close?.();
  });

  test('a server without an agent in front of it says so, and no header is sent', async () => {
    const provider = vaultProvider({
      path,
      wire: wires[wire],
      address: server.address,
      token: { agent: true },
      env: { VAULT_TOKEN: token },
    });
    const error = await failureOf(provider.read('all', context()), token);
    expect(error.code).toBe('ERR_SECRET_UNAUTHENTICATED');
    expect(error.hint).toContain('use_auto_auth_token');
    await provider.close?.();
  });
});

test("the agent's 412 is for requests without the header, so an error names a proxy that removed it", async () => {
  const socket = connect(join(folder, 'agent.sock'), () =>
    socket.end('GET /v1/sys/health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n'),
  );
  const said = await text(socket);
  expect(said).toMatch(/^HTTP\/1.1 412 /);
  // as it would come through something that takes headers away
  const body = JSON.parse(/\{.*\}/.exec(said)?.[0] ?? '') as object;
  const gate = await faultyServer({ kind: 'status', status: 412, body });
  const provider = vaultProvider({ path, token, address: gate.address, env: {}, kvVersion: 2 });
  const error = await failureOf(provider.read('all', context()), token);
  expect(error.code).toBe('ERR_SECRET_CONFIG');
  expect(error.message).toContain('X-Vault-Request');
  expect(gate.requests).toHaveLength(1);
  await provider.close?.();
  await gate.close();
});

test.each([
  ['does not exist', false],
  ['has no listener', true],
])('a socket that %s is unavailable, and is named', async (what, exists) => {
  const address = join(folder, `${what.replaceAll(' ', '-')}.sock`);
  if (exists) await leftBehind(address);
  const provider = vaultProvider({ path, token, address: `unix://${address}`, env: {} });
  const error = await provider.read('all', context()).catch((why: unknown) => why);
  assertNoLeak([token, value], error);
  expect(isSecretError(error, 'ERR_SECRET_UNAVAILABLE') && error.reason).toContain(address);
  await provider.close?.();
});

/** A socket's file whose listener died without removing it. */
async function leftBehind(address: string): Promise<void> {
  const listener = spawn(process.execPath, [
    '--eval',
    `require('node:net').createServer().listen(${JSON.stringify(address)}, () => process.kill(process.pid, 'SIGKILL'))`,
  ]);
  await new Promise((resolve) => listener.once('exit', resolve));
}
