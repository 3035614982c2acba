import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFile } from 'node:fs/promises';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { assertNoLeak } from '@keyfall/testkit';
import { expect, onTestFinished, test } from 'vitest';
import { canary, exampleEnvironment, exampleVault } from '../../../test/started-example.ts';
import { testFolder } from '../../../test/test-folder.ts';

const cwd = fileURLToPath(new URL('..', import.meta.url));

const { server, mount, settings } = await exampleVault({ GREETING: canary });
const store = (GREETING: string) =>
  server.request('POST', `${mount}/data/example`, { data: { GREETING } });

test('one file is all that it needs', async () => {
  const start = (env: Readonly<Record<string, string>>) =>
    promisify(execFile)('npm', ['--silent', 'start'], { cwd, env: exampleEnvironment(env) });
  const { stdout, stderr } = await start(settings);
  expect(stdout).toContain(`{"characters":${canary.length}}`);
  assertNoLeak([canary, server.token], stdout, stderr);
  // as it is uploaded: without any package beside it
  const alone = await testFolder();
  await copyFile(join(cwd, 'dist/handler.cjs'), join(alone, 'handler.cjs'));
  const uploaded = await promisify(execFile)(
    process.execPath,
    ['--eval', "require('./handler.cjs').handler().then(console.log)"],
    { cwd: alone, env: exampleEnvironment(settings) },
  );
  expect(uploaded).toEqual({ stdout, stderr: '' });
  const denied = await start({ ...settings, VAULT_TOKEN: 'hvs.unknown' });
  expect(denied.stdout).toContain('statusCode: 503');
  expect(denied.stderr).toContain('ERR_SECRET_UNAUTHENTICATED');
});

/** A line to the server, whose open connections can be ended as those of a frozen function are. */
async function lineTo(address: string) {
  const open = new Set<Socket>();
  const { hostname, port } = new URL(address);
  const front = createServer((socket) => {
    const behind = connect(Number(port), hostname);
    for (const end of [socket, behind]) open.add(end.on('error', () => {}));
    socket.pipe(behind).pipe(socket);
  }).listen(0, '127.0.0.1');
  await once(front, 'listening');
  const cut = () => {
    for (const socket of open) socket.destroy();
    open.clear();
  };
  onTestFinished(() => {
    cut();
    front.close();
  });
  return { address: `http://127.0.0.1:${(front.address() as AddressInfo).port}`, cut };
}

test('after a thaw, with the clock ahead and the connection cut, the answer is the new value', async () => {
  await promisify(execFile)('npm', ['run', '--silent', 'build'], {
    cwd,
    env: exampleEnvironment(),
  });
  const line = await lineTo(server.address);
  // as Lambda: loads the file once, and calls its handler again and again; a line tells how far the clock has jumped
  const host = `
    const { handler } = require('./dist/handler.cjs');
    const now = Date.now;
    let jumped = 0;
    Date.now = () => now() + jumped;
    require('node:readline').createInterface({ input: process.stdin }).on('line', async (line) => {
      jumped += Number(line);
      console.log(JSON.stringify(await handler()));
    });`;
  const child = spawn(process.execPath, ['--eval', host], {
    cwd,
    env: exampleEnvironment({ ...settings, VAULT_ADDR: line.address }),
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const invoke = async (jump: number) => {
    child.stdin.write(`${jump}\n`);
    return JSON.parse((await lines.next()).value);
  };
  const answer = (characters: number) => ({
    statusCode: 200,
    body: JSON.stringify({ characters }),
  });
  expect(await invoke(0)).toEqual(answer(canary.length));
  await store(`${canary}+`);
  // warm, and within five minutes
  expect(await invoke(60_000)).toEqual(answer(canary.length));
  child.kill('SIGSTOP');
  line.cut();
  child.kill('SIGCONT');
  expect(await invoke(5 * 60_000)).toEqual(answer(canary.length + 1));
});
