// A test process that ends in whatever way must leave no server behind, and a server must not keep
// a test process alive.
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as wait } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';

const sources = fileURLToPath(new URL('../src', import.meta.url));
const typescript = createRequire(import.meta.url).resolve('typescript/package.json');
let built: string;

beforeAll(async () => {
  // a plain Node process cannot run the sources
  built = await mkdtemp(fileURLToPath(new URL('../node_modules/.vault-server-', import.meta.url)));
  const options =
    '--ignoreConfig --module nodenext --target es2022 --types node --skipLibCheck --rewriteRelativeImportExtensions';
  const compiler = join(dirname(typescript), 'bin/tsc');
  await promisify(execFile)(process.execPath, [
    compiler,
    ...options.split(' '),
    '--rootDir',
    sources,
    '--outDir',
    built,
    join(sources, 'servers/vault-server.ts'),
  ]);
  await writeFile(join(built, 'package.json'), '{"type":"module"}');
});
afterAll(() => rm(built, { recursive: true }));

/** Starts a process that starts a server, and runs `then` when it is up. */
async function parent(then: string) {
  const script = `import { startVaultServer } from './servers/vault-server.js';
    const server = await startVaultServer({ external: false });
    console.log(server.address);
    ${then}`;
  const file = join(built, `parent-${Math.random().toString(36).slice(2)}.mjs`);
  await writeFile(file, script);
  const child = spawn(process.execPath, [file], { stdio: ['ignore', 'pipe', 'inherit'] });
  const exited = once(child, 'exit');
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const line = async () => String((await lines.next()).value);
  return { child, exited, line, address: await line() };
}

/** Waits until the port is free. */
async function gone(address: string): Promise<boolean> {
  for (let attempt = 0; attempt < 400; attempt += 1) {
    const alive = await fetch(`${address}/v1/sys/health`, {
      signal: AbortSignal.timeout(1_000),
    }).then(
      () => true,
      () => false,
    );
    if (!alive) return true;
    await wait(25);
  }
  return false;
}

test('a process that has nothing else to do ends, and its server with it', async () => {
  const { exited, address } = await parent('');
  expect(await exited).toEqual([0, null]);
  expect(await gone(address)).toBe(true);
});

test.each(['SIGKILL', 'SIGTERM'] as const)(
  'a process that gets %s leaves no server',
  async (signal) => {
    const { child, exited, address } = await parent('setInterval(() => {}, 1000);');
    child.kill(signal);
    expect(await exited).toEqual([null, signal]);
    expect(await gone(address)).toBe(true);
  },
);

test('a paused server is not left behind either', async () => {
  const { child, exited, line, address } = await parent(
    "await server.pause(); console.log('paused'); setInterval(() => {}, 1000);",
  );
  expect(await line()).toBe('paused');
  child.kill('SIGKILL');
  await exited;
  // refused, not merely silent
  for (let code = ''; code !== 'ECONNREFUSED'; )
    code = await fetch(address, { signal: AbortSignal.timeout(1_000) }).then(
      () => 'answered',
      (error: Error) => String((error.cause as NodeJS.ErrnoException | undefined)?.code),
    );
});
