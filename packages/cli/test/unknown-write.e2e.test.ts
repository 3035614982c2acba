/**
 * Commands that write through a gateway which loses answers: what they say of the write, and their exit code.
 */
import { createServer, request as httpRequest, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { folderWith, keyfall } from './keyfall.ts';
import { vaultDocuments } from './vault-documents.ts';

const vault = vaultDocuments();
const value = `canary-${process.pid}`;
const page = '<html><body>Bad gateway</body></html>';
let isPassedOn: boolean;
/** Whether somebody has written through it, after which nothing can be read here. */
let isDark: boolean;

const gateway = createServer((request, response) => {
  const { method = 'GET', headers, url = '' } = request;
  const answer = (it: ServerResponse, status: number) =>
    it.writeHead(status, { 'Content-Type': 'text/html' }).end(page);
  const isWrite = method !== 'GET' && url.includes('/data/');
  if (isDark) return void answer(response, 403);
  isDark ||= isWrite;
  if (isWrite && !isPassedOn) return void request.resume().on('end', () => answer(response, 502));
  const to = `${vault.server.address}${url}`;
  const onward = httpRequest(to, { method, headers }, (reply) => {
    if (isWrite) return void reply.resume().on('end', () => answer(response, 502));
    response.writeHead(reply.statusCode ?? 500, reply.headers);
    reply.pipe(response);
  });
  request.pipe(onward);
});
beforeAll(async () => {
  await new Promise<void>((resolve) => gateway.listen(0, '127.0.0.1', resolve));
});
afterAll(() => {
  gateway.closeAllConnections();
  gateway.close();
});

const env = () => ({
  ...vault.env,
  USE_VAULT: 'true',
  VAULT_ADDR: `http://127.0.0.1:${(gateway.address() as AddressInfo).port}`,
});

const commands = [
  ['set', ['set', 'A'], value],
  ['delete', ['delete', 'A'], undefined],
  ['rollback', ['rollback', 'A', '--to', '1'], 'first'],
] as const;

test.each(commands.flatMap((command) => [true, false].map((made) => [...command, made] as const)))(
  '%s with an unknown outcome is reported with how to find out',
  async (name, args, after, made) => {
    await vault.store({ A: 'first' });
    await vault.store({ A: 'second' });
    [isPassedOn, isDark] = [made, false];
    const cwd = await folderWith('');
    const result = await keyfall(args, { cwd, env: env(), input: value });
    expect(result).toMatchObject({ code: 3, stdout: '' });
    expect(result.stderr).toMatch(
      new RegExp(`^keyfall: A .*${name === 'delete' ? 'deleted' : 'written'}.*: vault \\(`),
    );
    expect(result.stderr).toContain('keyfall get A ');
    expect(result.stderr).toContain('keyfall history A ');
    expect(result.output).not.toContain(value);
    const held = (await vault.stored())?.data as Record<string, string>;
    expect(held['A']).toBe(made ? after : 'second');
  },
);
