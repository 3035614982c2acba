/**
 * The page about hosts like Heroku: its commands, and the lines of its Procfile, started and stopped as such a host does it, with
 * the variables that it says. There is no such host here.
 */
import { cp, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { freePort, startVaultServer, temporaryFolder, type VaultServer } from '@keyfall/testkit';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { cacheFolder } from '../../packages/testkit/src/servers/provide-once.ts';
import { runDocument } from './document-run.ts';
import { codeBlocks, root } from './markdown.ts';
import { type StartedProgram, startProgram } from './started-program.ts';

const page = 'docs/heroku.md';

/** In the place of the reader's application, which reads its environment. */
const server = `
import { createServer } from 'node:http';

const ours = Object.keys(process.env).filter((name) => /^(?:SHOP|VAULT)_/.test(name));
const app = createServer((_, response) => response.end(\`\${process.env.TOKEN} \${process.env.DB_PASS} \${ours}\`));
app.listen(Number(process.env.PORT), () => console.log('The shop is open.'));
let times = 0;
process.on('SIGTERM', () => {
  if (++times === 1) app.close(() => console.log('The shop is closed.'));
});
`;
const worker = `
import os, signal, sys
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
print("The worker has", os.environ["TOKEN"], "SHOP_SECRET_ID" in os.environ, flush=True)
while True: signal.pause()
`;

let vault: VaultServer;
/** The reader's folder, when the page is typed. */
let folder: string;
let remove: () => Promise<void>;
/** What the host gives to each process. */
let host: Record<string, string>;
let lines: Map<string, string>;

beforeAll(async () => {
  vault = await startVaultServer({ external: false });
  ({ folder, remove } = await temporaryFolder());
  const text = await readFile(join(root, page), 'utf8');
  await runDocument(
    { path: page, text, blocks: codeBlocks(text) },
    {
      server: vault,
      async after({ words }, typed) {
        if (words.get('file') === 'server.js')
          // the last of the page
          await cp(typed, folder, { recursive: true, verbatimSymlinks: true });
      },
    },
  );
  await vault.request('POST', 'secret/data/aiogram-shop', {
    data: { TOKEN: 'of-vault', DB_PASS: 'pass-of-vault' },
  });
  const content = async (name: string) => (await readFile(join(folder, name), 'utf8')).trim();
  host = {
    HOME: folder,
    VAULT_ADDR: vault.address,
    SHOP_ROLE_ID: await content('role-id'),
    SHOP_SECRET_ID: await content('secret-id'),
    TOKEN: 'of-the-host',
  };
  const procfile = await content('Procfile');
  lines = new Map(procfile.split('\n').map((line) => line.split(': ') as [string, string]));
  await cp(join(folder, 'server.js'), join(folder, 'asks-by-itself.js'));
  await writeFile(join(folder, 'server.js'), server);
  await writeFile(join(folder, 'run.py'), worker);
});
afterAll(() => Promise.all([vault?.stop(), remove?.()]));

/** What a program in Node ends with that was closed by one TERM: another one may come when its handlers are gone already. */
const endings = [0, 128 + 15];

const port = async () => ({ PORT: String(await freePort()) });

/** Starts a line as a host does: by a shell. */
function start(
  line: string | undefined,
  more: Readonly<Record<string, string>>,
  node: string | undefined = undefined,
): StartedProgram {
  const path = [...(node ? [cacheFolder(`node-${node}/bin`)] : []), process.env['PATH']].join(':');
  const env = { PATH: path, ...host, ...more };
  return startProgram('sh', ['-c', `exec ${line}`], { cwd: folder, env });
}

const answerOf = async ({ PORT }: { PORT: string }, path = '/') =>
  (await fetch(`http://127.0.0.1:${PORT}${path}`)).text();

describe('web', () => {
  test.each([
    ['stays beside it', undefined],
    ['becomes it', '24.21.0'],
  ])(
    'has its secrets from Vault, and ends when all processes get TERM, where Keyfall %s',
    async (_, node) => {
      const given = await port();
      const web = start(lines.get('web'), given, node);
      await web.printed('The shop is open.');
      expect(await answerOf(given)).toBe('of-vault pass-of-vault ');
      web.signalAll('SIGTERM');
      web.signalAll('SIGTERM');
      expect(endings).toContain(await web.ended);
      expect(web.output()).toContain('The shop is closed.');
    },
  );

  test('falls back to the variables of the host, and says so', async () => {
    const given = { ...(await port()), VAULT_ADDR: 'http://127.0.0.1:1' };
    const web = start(lines.get('web'), { ...given, DB_PASS: 'pass-of-the-host' });
    await web.printed('The shop is open.');
    expect(await answerOf(given)).toBe('of-the-host pass-of-the-host ');
    expect(web.output()).toContain('refused the connection');
    web.child.kill('SIGTERM');
    expect(await web.ended).toBe(0);
    // the host has no DB_PASS
    expect(await start(lines.get('web'), given).ended).toBe(3);
  });

  test('is not started by a login that was ended, or without a name that must be there', async () => {
    await vault.request('POST', 'secret/data/aiogram-shop', { data: { TOKEN: 'of-vault' } });
    expect(await start(lines.get('web'), await port()).ended).toBe(1);
    const ended = start(lines.get('web'), {
      ...(await port()),
      SHOP_SECRET_ID: 'ended',
      DB_PASS: 'x',
    });
    expect(await ended.ended).toBe(4);
    expect(ended.output()).not.toContain('The shop is open.');
    const data = { TOKEN: 'of-vault', DB_PASS: 'pass-of-vault' };
    await vault.request('POST', 'secret/data/aiogram-shop', { data });
  });

  test('gets no TERM if npm alone does, as the page warns', async () => {
    const given = await port();
    const web = start(lines.get('web')?.replace('node_modules/.bin/', 'npx '), given);
    await web.printed('The shop is open.');
    web.child.kill('SIGTERM');
    expect(await web.ended).toBeGreaterThan(0);
    expect(await answerOf(given)).toBe('of-vault pass-of-vault ');
  });
});

test('the worker in Python has its secrets, and not what Keyfall logs in with', async () => {
  const program = start(lines.get('worker'), {});
  await program.printed('The worker has of-vault False');
  program.child.kill('SIGTERM');
  expect(await program.ended).toBe(0);
});

test('an application that asks by itself is healthy, and leaves no token behind', async () => {
  const tokens = async () =>
    ((await vault.request('LIST', 'auth/token/accessors')).body.data as { keys: string[] }).keys
      .length;
  const before = await tokens();
  const given = await port();
  const web = start('node asks-by-itself.js', given);
  await web.printed('Server listening');
  expect(await answerOf(given)).toBe('{"characters":8}');
  expect(JSON.parse(await answerOf(given, '/health'))).toMatchObject({ status: 'ok' });
  expect(await tokens()).toBe(before + 1);
  web.signalAll('SIGTERM');
  web.signalAll('SIGTERM');
  expect(endings).toContain(await web.ended);
  expect(await tokens()).toBe(before);
});
