/**
 * The command by the Node of Windows, which Wine runs here. Wine stands in for Windows: it opens, shares, renames and
 * starts files by the rules of Windows, but its command processor does not know the quoting of the real one.
 */
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { copyFile, mkdir, mkdtemp, open, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { assertNoLeak, temporaryFolder } from '@keyfall/testkit';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { testFolder } from '../../../test/test-folder.ts';
import { forwardingDll } from './forwarding-dll.ts';
import { bin, folderWith, makeRepository } from './keyfall.ts';

const wine = '/usr/lib/wine/wine64';
const cache = process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache');
const node = join(cache, 'keyfall/node-win-20.20.2/bin/node.exe');
const repository = fileURLToPath(new URL('../../..', import.meta.url));

/** A path here as a program of Windows names it. */
const onZ = (path: string) => `Z:${path.replaceAll('/', '\\')}`;

/** The folder of what npm installs on Windows alone. */
const lockFile = readFileSync(join(repository, 'pnpm-lock.yaml'), 'utf8');
const [, library = ''] = /^ {2}'(@napi-rs\/keyring-win32-x64-msvc@.*)':$/m.exec(lockFile) ?? [];
const ofWindows = join(cache, 'keyfall/windows', library, 'node_modules');

/** As npm has installed the command on Windows. */
const installed = { NODE_PATH: onZ(ofWindows) };

/** Where Wine keeps its drive C and its settings. */
let prefix = '';
let removePrefix = async (): Promise<void> => {};

interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a program of Windows. What it prints goes to files: Node finds no pipe of ours in Wine. */
async function run(
  program: string,
  args: readonly string[],
  cwd: string,
  variables: Readonly<Record<string, string>> = {},
): Promise<Ended> {
  const outputs = await mkdtemp(join(prefix, 'outputs-'));
  const [stdout, stderr] = [join(outputs, 'stdout'), join(outputs, 'stderr')];
  const [out, err] = [await open(stdout, 'w'), await open(stderr, 'w')];
  const env = {
    PATH: '/usr/bin:/bin',
    HOME: prefix,
    WINEPREFIX: prefix,
    WINEDEBUG: '-all',
    WINEDLLOVERRIDES: 'mscoree,mshtml=',
    // it says that it is Windows 7
    NODE_SKIP_PLATFORM_CHECK: '1',
    ...variables,
  };
  const child = spawn(wine, [program, ...args], { cwd, env, stdio: ['ignore', out.fd, err.fd] });
  const code = await new Promise<number>((resolve, reject) => {
    child.once('error', reject).once('exit', (exitCode) => resolve(exitCode ?? -1));
  });
  await Promise.all([out.close(), err.close()]);
  return { code, stdout: await readFile(stdout, 'utf8'), stderr: await readFile(stderr, 'utf8') };
}

const keyfall = (
  args: readonly string[],
  cwd: string,
  variables?: Readonly<Record<string, string>>,
) => run(node, [onZ(bin), ...args], cwd, variables);

/** `keyfall set`, started within Wine, where it can be given its input. */
function set(name: string, value: string, cwd: string): Promise<Ended> {
  const script = `const [, bin, name, input] = process.argv;
    const { status, stderr } = require('node:child_process')
      .spawnSync(process.execPath, [bin, 'set', name], { input });
    process.stderr.write(stderr);
    process.exitCode = status;`;
  return run(node, ['-e', script, onZ(bin), name, value], cwd);
}

beforeAll(async () => {
  const made = await temporaryFolder();
  prefix = made.folder;
  removePrefix = made.remove;
  expect(await run('wineboot', ['--init'], prefix)).toMatchObject({ code: 0 });
  // Debian's Wine is older than the library of random numbers that a program in Rust asks for
  const name = 'bcryptprimitives.dll';
  const dll = forwardingDll(name, 'ProcessPrng', 'advapi32.SystemFunction036');
  await writeFile(join(prefix, 'drive_c/windows/system32', name), dll);
}, 120_000);

afterAll(async () => {
  // Wine's server, which writes there
  await run('wineboot', ['--kill'], prefix);
  await removePrefix();
}, 60_000);

test('what CI runs on Windows', { timeout: 120_000 }, async () => {
  const script = join(repository, 'scripts/runtimes/use-cli-anywhere.mjs');
  const ended = await run(node, [onZ(script)], prefix, installed);
  expect(ended).toEqual({ code: 0, stdout: '', stderr: '' });
});

test('run starts a batch file by its name, from PATH alone, and it gets the secrets', async () => {
  const folder = await folderWith('TOKEN=from the file\r\n');
  const tools = join(folder, 'tools');
  await mkdir(tools);
  const script = `require('node:fs').writeFileSync('got.json', JSON.stringify([process.argv.slice(2), process.env.TOKEN]));
    process.exitCode = 9;`;
  await writeFile(join(tools, 'tool.cjs'), script);
  await writeFile(join(tools, 'tool.cmd'), `@"${onZ(node)}" "%~dp0\\tool.cjs" %*\r\n`);
  // npm puts a script for shells beside its own
  await writeFile(join(tools, 'tool'), '#!/bin/sh\n');
  const command = ['run', '--', 'tool', 'one', 'two words', 'a&b'];
  expect(await keyfall(command, tools)).toMatchObject({
    code: 127,
    stderr: expect.stringMatching(/^keyfall: tool: command not found$/m),
  });
  expect(await keyfall(command, folder, { Path: onZ(tools) })).toMatchObject({ code: 9 });
  expect(JSON.parse(await readFile(join(folder, 'got.json'), 'utf8'))).toEqual([
    ['one', 'two words', 'a&b'],
    'from the file',
  ]);
});

test('an argument that a batch file could take for a command starts nothing', async () => {
  const folder = await folderWith('A=1\n');
  await writeFile(join(folder, 'tool.cmd'), '@echo started\r\n');
  for (const args of [['a"', 'b & echo'], ['line\necho started']])
    expect(await keyfall(['run', '--', '.\\tool', ...args], folder)).toMatchObject({
      code: 126,
      stdout: '',
      stderr: expect.stringMatching(/^keyfall: \.\\tool: is a batch file, /),
    });
});

test('a git.exe in the working folder is not run', async () => {
  const folder = await folderWith('A=1\n');
  await mkdir(join(folder, '.git'));
  // to every question it answers with 1, by which git says that it would add the file
  const planted = join(prefix, 'drive_c/windows/system32/hostname.exe');
  await copyFile(planted, join(folder, 'git.exe'));
  const { stdout } = await keyfall(['doctor', '--json'], folder);
  const codes = JSON.parse(stdout)[0].findings.map(({ code }: { code?: string }) => code);
  expect(codes).not.toContain('not-ignored-by-git');
  const { code } = await run(
    node,
    ['-e', 'process.exitCode = require("node:child_process").spawnSync("git", ["x"]).status'],
    folder,
  );
  expect(code).toBe(1); // Node itself would run it
});

test('a file that another program has open is replaced when it is closed, or says so', {
  timeout: 60_000,
}, async () => {
  const folder = await folderWith('A=1\r\nB=2\r\n');
  /** Has another program hold the file open, and answers when it does. */
  const holding = async (seconds: number) => {
    const ended = run('cmd', ['/c', `ping -n ${seconds + 1} 127.0.0.1 < .env > opened`], folder);
    while (!(await readdir(folder)).includes('opened')) await wait(20);
    return { ended };
  };
  const shortly = await holding(1);
  expect(await set('A', 'one', folder)).toMatchObject({ code: 0 });
  await shortly.ended;
  await rm(join(folder, 'opened'));
  const long = await holding(60);
  expect(await set('B', 'two', folder)).toMatchObject({
    code: 3,
    stderr: expect.stringContaining('another program has it open'),
  });
  expect(await readFile(join(folder, '.env'), 'utf8')).toBe('A=one\r\nB=2\r\n');
  expect((await readdir(folder)).sort()).toEqual(['.env', 'opened']);
  await run('taskkill', ['/f', '/im', 'ping.exe'], folder);
  await long.ended;
});

test('run --watch restarts the program', { timeout: 60_000 }, async () => {
  const folder = await folderWith('TOKEN=one\r\n');
  const program = `require('node:fs').appendFileSync('seen', process.env.TOKEN);
    if (process.env.TOKEN === 'two') process.exit(5);
    setInterval(() => {}, 1000);`;
  const args = ['run', '--watch', '--', onZ(node), '-e', program];
  const ended = keyfall(args, folder, { KEYFALL_TTL: '1s' });
  while (!(await readdir(folder)).includes('seen')) await wait(20);
  await writeFile(join(folder, '.env'), 'TOKEN=two\r\n');
  expect(await ended).toMatchObject({
    code: 5,
    stderr: 'keyfall: TOKEN changed: the program is restarted.\n',
  });
  expect(await readFile(join(folder, 'seen'), 'utf8')).toBe('onetwo');
});

test('what is trusted may be on another drive than what is remembered of it', async () => {
  const folder = await folderWith('A=1\n');
  await writeFile(join(folder, 'keyfall.config.json'), '{ "providers": ["dotenv"] }');
  expect(await keyfall(['trust'], folder)).toMatchObject({ code: 0 });
  expect((await keyfall(['trust', '--list'], folder)).stdout).toContain(onZ(folder));
});

test('a configuration beside a .git in the root of a drive, where anyone can make one, is not read', async () => {
  const drive = join(prefix, 'drive_c');
  const work = join(drive, 'work');
  await makeRepository(drive);
  await mkdir(work);
  await writeFile(join(work, '.env'), 'A=1\n');
  await writeFile(join(drive, 'keyfall.config.mjs'), 'throw new Error("it was run")');
  expect(await keyfall(['get', 'A'], work)).toMatchObject({ code: 0, stdout: '1\n' });
});

test('a socket as the address of Vault is refused', async () => {
  const folder = await folderWith('A=1\n');
  const variables = {
    USE_VAULT: 'true',
    VAULT_ADDR: 'unix:///run/agent.sock',
    VAULT_SECRET_PATH: 'shop',
    VAULT_TOKEN: 't',
  };
  expect(await keyfall(['get', 'A'], folder, variables)).toMatchObject({
    code: 2,
    stdout: '',
    stderr: expect.stringContaining('names a socket'),
  });
});

test('no signal can be sent to a program', async () => {
  const folder = await folderWith('A=1\n');
  const command = ['run', '--watch', '--reload-signal', 'HUP', '--', 'program'];
  expect(await keyfall(command, folder)).toEqual({
    code: 2,
    stdout: '',
    stderr:
      'keyfall: --reload-signal cannot be used: no program can be sent a signal on Windows. Leave it out: then the program is restarted.\n',
  });
});

describe('the Credential Manager', () => {
  const canary = 'canary-5e0c7b';
  /** The user's folder of keys, as Windows names it: Wine lets no variable say where it is. */
  let folderOfKeys = '';
  const here = (path: string) => path.replaceAll('\\', '/').replace('C:', join(prefix, 'drive_c'));

  /** A project of a user without a key. */
  async function project(variables: Readonly<Record<string, string>> = installed) {
    await rm(here(folderOfKeys), { recursive: true, force: true });
    const folder = await folderWith(`TOKEN=${canary}\r\n`);
    return {
      folder,
      keys: `${folderOfKeys}\\age\\keys.txt`,
      keyfall: (...args: string[]) => keyfall(args, folder, variables),
      /** Runs a script that has the library, and the item of a key. */
      withItem: (recipient: string, script: string) => {
        const item = `new (require('@napi-rs/keyring-win32-x64-msvc').Entry)('keyfall', '${recipient}')`;
        return run(node, ['-e', `const item = ${item}; ${script}`], folder, installed);
      },
    };
  }

  beforeAll(async () => {
    const { stdout } = await run(node, ['-p', 'process.env.APPDATA'], prefix);
    folderOfKeys = `${stdout.trim()}\\sops`;
  });

  test('it has the age key, and nothing else has; a command of ours prints it', {
    timeout: 120_000,
  }, async () => {
    const { folder, keys, keyfall, withItem } = await project();
    const made = await keyfall('init', '--local');
    expect(made).toMatchObject({
      code: 0,
      stdout: '',
      stderr: expect.stringContaining(`in the keychain, to which ${keys} refers.`),
    });
    expect(made.stderr).toContain('`keyfall share key --secret` prints the key');
    const recipient = (await keyfall('share', 'key')).stdout.trim();
    const printed = await keyfall('share', 'key', '--secret');
    expect(printed).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^AGE-SECRET-KEY-1[A-Z0-9]{58}\n$/),
      stderr: '',
    });
    const key = printed.stdout.trim();
    expect((await withItem(recipient, 'console.log(item.getPassword())')).stdout).toBe(`${key}\n`);
    expect((await keyfall('get', 'TOKEN')).stdout).toBe(`${canary}\n`);
    const files = (await Promise.all([folder, here(folderOfKeys)].map(filesBelow))).flat();
    expect(files).toContain(here(keys));
    for (const file of files) assertNoLeak([key], await readFile(file, 'latin1'));
    assertNoLeak([key, canary], made.stderr);

    // an item that is gone, and one that has something else, are no missing key
    await withItem(recipient, `item.setPassword('${canary}')`);
    const other = await keyfall('get', 'TOKEN');
    expect(other).toMatchObject({
      code: 2,
      stdout: '',
      stderr: expect.stringContaining(recipient),
    });
    assertNoLeak([key, canary], other.stderr);
    await withItem(recipient, 'item.deletePassword()');
    for (const command of [
      ['get', 'TOKEN'],
      ['share', 'key'],
      ['share', 'key', '--secret'],
    ])
      expect(await keyfall(...command)).toMatchObject({
        code: 3,
        stdout: '',
        stderr: expect.stringContaining(keys),
      });
  });

  test('without its library, or with one that does not load, the key is in a file, which is said', {
    timeout: 120_000,
  }, async () => {
    const broken = await testFolder();
    const name = join(broken, '@napi-rs/keyring-win32-x64-msvc');
    await mkdir(name, { recursive: true });
    await writeFile(join(name, 'package.json'), '{ "main": "library.node" }');
    await writeFile(join(name, 'library.node'), 'no library');
    for (const variables of [{}, { NODE_PATH: onZ(broken) }]) {
      const { keys, keyfall } = await project(variables);
      expect(await keyfall('share', 'key', '--key-in', 'keychain')).toMatchObject({
        code: 3,
        stdout: '',
        stderr: expect.stringContaining('@napi-rs/keyring-win32-x64-msvc'),
      });
      const made = await keyfall('share', 'key');
      expect(made).toMatchObject({
        code: 0,
        stderr: expect.stringMatching(/since the keychain is asked by @napi-rs\S+, which is not/),
      });
      expect(await readFile(here(keys), 'utf8')).toMatch(/^AGE-SECRET-KEY-1/m);
      // the one in the keychain is not taken for missing
      await writeFile(here(keys), `# keyfall-keychain: ${made.stdout.trim()}\r\n`);
      expect(await keyfall('share', 'key')).toMatchObject({
        code: 2,
        stdout: '',
        stderr: expect.stringContaining('@napi-rs/keyring-win32-x64-msvc'),
      });
    }
  });
});

/** Every file in a folder and below. */
async function filesBelow(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => join(parentPath, name));
}
