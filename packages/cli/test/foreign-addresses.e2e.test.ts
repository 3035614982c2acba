/**
 * A JSON configuration comes with a repository, perhaps with a hostile one, and gets none of the user's credentials
 * unannounced: a server that records what arrives there is the address that it names.
 */
import { once } from 'node:events';
import { access, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { foreignAddresses } from '../src/config/foreign-addresses.ts';
import { folderWith, keyfall } from './keyfall.ts';
import { transcript } from './transcript.ts';

const canary = 'canary-token-5d1c';
const env = { VAULT_TOKEN: canary };

/** A hostile server, which answers a read as Vault does and records what it is sent. */
async function listener() {
  const arrived: string[] = [];
  const server = createServer((request, response) => {
    arrived.push(JSON.stringify([request.method, request.url, request.headers]));
    request.resume();
    const metadata = { version: 1, created_time: '2026-01-01T00:00:00Z', destroyed: false };
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify({ data: { data: { A: 'theirs' }, metadata } }));
  });
  server.on('connect', (request, socket) => {
    arrived.push(`CONNECT ${request.url}`);
    socket.destroy();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    server.close();
    server.closeAllConnections();
  });
  const { port } = server.address() as AddressInfo;
  return { arrived, port, address: `http://127.0.0.1:${port}` };
}

/** A home and a cloned repository with this configuration. */
async function victim(entry: Readonly<Record<string, unknown>>, name = 'keyfall.config.json') {
  const home = await folderWith();
  const cwd = await folderWith('B=1\n');
  const text = JSON.stringify({ providers: [entry] }, undefined, 2);
  await writeFile(join(cwd, name), name.endsWith('.json') ? text : `export default ${text};\n`);
  return (args: readonly string[], more: Readonly<Record<string, string>> = {}, input = '') =>
    keyfall(args, { cwd, env: { HOME: home, ...env, ...more }, input });
}

const vault = { provider: 'vault', path: 'shop', kvVersion: 2 };

describe('the address of a configuration that is data', () => {
  test('is announced before a token goes there, in one line, until the file is trusted', async () => {
    const { arrived, address } = await listener();
    const run = await victim({ ...vault, address });
    const first = await run(['get', 'A']);
    expect(first).toMatchObject({ code: 0, stdout: 'theirs\n' });
    const { stderr: said } = first;
    expect(said).toMatch(/^keyfall: .*\n$/);
    for (const fact of ['VAULT_TOKEN', address, 'providers[0].address', '`keyfall trust`'])
      expect(said).toContain(fact);
    expect(transcript(said)).toMatchSnapshot();
    expect(arrived.join()).toContain(canary);
    expect(first.output).not.toContain(canary);
    // to name the file says which one is meant, and not that its addresses were read
    expect((await run(['--config', 'keyfall.config.json', 'get', 'A'])).stderr).toBe(said);
    expect((await run(['trust'])).code).toBe(0);
    expect((await run(['get', 'A'])).stderr).toBe('');
    await run(['trust', '--revoke']);
    expect((await run(['get', 'A'])).stderr).toBe(said);
  });

  test('of a file that is not found by itself is trusted by its name', async () => {
    const { address } = await listener();
    const run = await victim({ ...vault, address }, 'other.json');
    const named = ['--config', 'other.json'];
    expect((await run([...named, 'get', 'A'])).stderr).toContain(
      '`keyfall --config other.json trust`',
    );
    expect((await run([...named, 'trust'])).code).toBe(0);
    expect((await run([...named, 'get', 'A'])).stderr).toBe('');
  });

  test('is not announced if the environment or a program names it too', async () => {
    const { address } = await listener();
    const run = await victim({ ...vault, address });
    expect((await run(['get', 'A'], { VAULT_ADDR: `${address}/` })).stderr).toBe('');
    // an address of an agent of the user's is the user's as well
    expect((await run(['get', 'A'], { VAULT_AGENT_ADDR: address })).stderr).toBe('');
    expect((await run(['get', 'A'], { VAULT_ADDR: 'https://own.example' })).stderr).toContain(
      address,
    );
    const program = await victim({ ...vault, address }, 'keyfall.config.mjs');
    expect((await program(['get', 'A'])).stderr).toBe('');
  });

  test('replaces no inherited variable, and gets no value of the user unannounced', async () => {
    const { address } = await listener();
    const run = await victim({ ...vault, address });
    const script = ['run', '--only', 'A', '--', 'sh', '-c', 'echo $A'];
    const kept = await run(script, { A: 'own' });
    expect(kept).toMatchObject({ code: 0, stdout: 'own\n' });
    expect(kept.stderr).toMatch(
      /^keyfall: A .* providers\[0\]\.address in keyfall\.config\.json /m,
    );
    const set = await run(['set', 'NEW'], {}, 'canary-value');
    expect(set.output).not.toContain('canary');
    expect(set.stderr).toMatch(/ vault \(.*\), .*providers\[0\]\.address in keyfall\.config\.json/);
    await run(['trust']);
    expect(await run(script, { A: 'own' })).toMatchObject({ code: 0, stdout: 'theirs\n' });
  });

  test.each(['address', 'nodes'])(
    'gets no token over plain http to another machine: %s',
    async (option) => {
      const { arrived, port, address } = await listener();
      // this machine, by an address that does not say so
      const plain = `http://[::ffff:127.0.0.1]:${port}`;
      const entry = option === 'address' ? { address: plain } : { address, nodes: [plain] };
      const run = await victim({ ...vault, ...entry });
      const refused = await run(['get', 'A']);
      expect(arrived).toEqual([]);
      expect(refused).toMatchObject({ code: 2, stdout: '' });
      expect(refused.stderr).toMatch(
        /^keyfall: keyfall\.config\.json, line \d+: providers\[0\]\.(?:address|nodes): .*\bVAULT_TOKEN\b.* http:\/\/\[::ffff:7f00:1\]:\d+, .*`keyfall trust`\.\n$/,
      );
      await run(['trust']);
      await run(['get', 'A']);
      expect(arrived.join()).toContain(canary);
    },
  );

  test('is not sent a token out of a file of the user', async () => {
    const { arrived, address } = await listener();
    const home = await folderWith();
    await writeFile(join(home, '.vault-token'), canary);
    for (const token of [
      { token: { helper: true } },
      { token: { file: join(home, '.vault-token') } },
    ]) {
      const run = await victim({ ...vault, address, ...token });
      const refused = await run(['get', 'A'], { VAULT_TOKEN: '', HOME: home });
      expect(refused).toMatchObject({ code: 2, stdout: '' });
      expect(refused.stderr).toContain(`providers[0].${Object.keys(token)[0]}: `);
      // to the user's own server it may go
      const own = await run(['get', 'A'], { VAULT_TOKEN: '', HOME: home, VAULT_ADDR: address });
      expect(own).toMatchObject({ code: 0, stderr: '' });
      expect(arrived.join()).toContain(canary);
      arrived.length = 0;
    }
  });
});

describe('a setting that would let others intercept the connection', () => {
  test('is refused for a server of the user, before anything is sent', async () => {
    const { arrived, address } = await listener();
    const own = { VAULT_ADDR: 'https://own.example:8200' };
    const run = await victim({ ...vault, proxy: address });
    const refused = await run(['get', 'A'], own);
    expect(arrived).toEqual([]);
    expect(refused).toMatchObject({ code: 2, stdout: '' });
    expect(refused.stderr).toContain('keyfall.config.json, line 7: providers[0].proxy: ');
    // the user's own proxy is asked
    await run(['get', 'A'], { ...own, VAULT_PROXY_ADDR: address });
    expect(arrived.join()).toContain('CONNECT own.example:8200');
  });

  test.each([
    ['skipVerify', true],
    ['ca', 'ca.pem'],
    ['serverName', 'evil.example'],
  ])('tls.%s is refused as well', async (option, value) => {
    for (const id of ['vault', 'vault-dynamic'] as const)
      expect(foreignAddresses(id, { path: 'x', tls: { [option]: value } }, {})).toMatchObject({
        refused: { option: `tls.${option}` },
      });
  });

  test('an option that the environment has too, or that turns nothing off, is not refused', () => {
    expect(foreignAddresses('vault', { tls: { skipVerify: false } }, {})).toEqual({});
    expect(
      foreignAddresses('vault', { tls: { skipVerify: true } }, { VAULT_SKIP_VERIFY: '1' }),
    ).toEqual({});
    expect(foreignAddresses('vault', { tls: { ca: '/ca' } }, { BAO_CACERT: '/ca' })).toEqual({});
    expect(
      foreignAddresses('vault', { tls: { ca: '/ca' } }, { BAO_CACERT: '', VAULT_CACERT: '/ca' }),
    ).toMatchObject({ refused: { option: 'tls.ca' } });
  });
});

describe('the addresses of other stores', () => {
  test("Doppler's API has another address only if the user says so", () => {
    const env = { DOPPLER_TOKEN: canary };
    expect(foreignAddresses('doppler', { address: 'https://api.doppler.com' }, env)).toEqual({});
    expect(foreignAddresses('doppler', { address: 'https://evil.example' }, env)).toEqual({
      names: 'address',
      sent: { variable: 'DOPPLER_TOKEN', to: ['https://evil.example'] },
    });
    expect(foreignAddresses('doppler', { address: 'http://evil.example' }, env)).toMatchObject({
      refused: { option: 'address' },
    });
  });

  test('a program is not started for a file that is not trusted', async () => {
    const folder = await folderWith();
    const mark = join(folder, 'started');
    const entry = { provider: 'exec', command: ['touch', mark] };
    const run = await victim(entry);
    for (const args of [
      ['get', 'A'],
      ['doctor'],
      ['run', '--', 'true'],
      ['migrate', '--from', 'exec'],
    ]) {
      const refused = await run(args);
      expect(refused.code).toBe(2);
      expect(refused.output).toContain('providers[0].command: ');
    }
    await expect(access(mark)).rejects.toThrow();
    await run(['trust']);
    // it is started now, and answers nothing
    expect((await run(['get', 'A'])).code).toBe(5);
    await access(mark);
  });

  test('the file that names the SOPS file does not say whom sops may ask', async () => {
    const { arrived, address } = await listener();
    const run = await victim({ provider: 'sops', path: 'x.yaml', keyServers: [address] });
    const refused = await run(['get', 'A']);
    expect(refused).toMatchObject({ code: 2, stdout: '' });
    expect(refused.stderr).toContain('providers[0].keyServers: ');
    expect(arrived).toEqual([]);
    expect(foreignAddresses('sops', { keyServers: [address] }, { BAO_ADDR: address })).toEqual({});
  });
});
