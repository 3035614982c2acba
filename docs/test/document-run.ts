/**
 * Types the commands of a document, block after block, in a folder made for it, with `keyfall` and
 * `bao` on PATH and real servers, and compares what they end with and print.
 *
 * Words of a block's info string:
 * - `exit=4`: the status of its last command, default 0
 * - `server`: starts a server in another terminal; we start it from the flags shown
 * - `docker`: `docker compose` commands; we do the same with the command in the compose file
 * - `ctrl-c`: its last command runs until it is stopped, which is done once it has printed what the document shows
 * - `no-test=reason`: cannot run here
 *
 * A document that starts no server takes it that the reader has one, and has named it by `VAULT_ADDR`,
 * `VAULT_TOKEN` and `VAULT_SECRET_PATH`. A `ts` block with `file=shop.mjs` is a file that the reader writes.
 */
import { spawn } from 'node:child_process';
import { chmod, mkdir, mkdtemp, open, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { findVaultBinary, freePort, startVaultServer, type VaultServer } from '@keyfall/testkit';
import { parse } from 'yaml';
import { differenceFrom } from './expected-output.ts';
import { type CodeBlock, isShell, type MarkdownDocument, root } from './markdown.ts';
import { shopSettings, writeShop } from './shop-folder.ts';

/** The token of `docker-compose.vault.yml`. */
const devToken = 'dev-only-token';
/** The address of the server in the documents. Another port takes its place. */
const documentedServer = '127.0.0.1:8200';

/** What is running and where, for one document. */
interface Run {
  readonly folder: string;
  readonly env: NodeJS.ProcessEnv;
  readonly port: number;
  server?: VaultServer | undefined;
}

/** What a reader of one document has besides. */
export interface Reader {
  /** Puts more into the folder of the shop, or other things. */
  readonly prepare?: (folder: string) => Promise<void>;
  /** More variables of the terminal. */
  readonly env?: NodeJS.ProcessEnv;
  /** The server that the reader has. Default: one that the documents share. */
  readonly server?: VaultServer;
  /** Looks at the folder when a block is typed. */
  readonly after?: (block: CodeBlock, folder: string) => Promise<void>;
}

/**
 * Runs every block of a document.
 * @throws an `Error` naming the line of the first block that does not do what the document says
 */
export async function runDocument(document: MarkdownDocument, reader: Reader = {}): Promise<void> {
  const blocks = document.blocks.filter(
    (block) => (isShell(block) && !block.words.has('no-test')) || block.words.has('file'),
  );
  if (blocks.length === 0) return;
  const startsOne = blocks.some(({ words }) => words.has('docker') || words.has('server'));
  const readersOwn = startsOne ? undefined : (reader.server ?? (await emptyServer()));
  const run = await prepare(readersOwn);
  Object.assign(run.env, reader.env);
  try {
    await reader.prepare?.(join(run.folder, 'shop'));
    if (readersOwn !== undefined) {
      run.env['VAULT_ADDR'] = readersOwn.address;
      run.env['VAULT_TOKEN'] = readersOwn.token;
      run.env['VAULT_SECRET_PATH'] = 'aiogram-shop';
    }
    for (const block of blocks) {
      const problem = await runBlock(block, run);
      if (problem !== undefined)
        throw new Error(`${document.path}:${block.line}\n${block.text}\n\n${problem}`);
      await reader.after?.(block, join(run.folder, 'shop'));
    }
  } finally {
    await run.server?.stop();
    await rm(run.folder, { recursive: true, force: true });
  }
}

let shared: Promise<VaultServer> | undefined;

/**
 * The server that a reader has, as it was when it started: one for all documents that start none, since to start one
 * takes a second. It ends with the process.
 */
async function emptyServer(): Promise<VaultServer> {
  shared ??= startVaultServer({ external: false, token: devToken });
  const server = await shared;
  const namesAt = async (path: string) =>
    Object.keys((await server.request('GET', path)).body.data ?? {});
  const builtIn = /^(?:cubbyhole|identity|sys|token)\/$/;
  for (const kind of ['mounts', 'auth'])
    for (const path of await namesAt(`sys/${kind}`))
      if (!builtIn.test(path)) await server.request('DELETE', `sys/${kind}/${path}`);
  const { body } = await server.request('GET', 'sys/policies/acl?list=true');
  for (const name of (body.data?.['keys'] ?? []) as string[])
    if (!['default', 'root'].includes(name))
      await server.request('DELETE', `sys/policies/acl/${name}`);
  await server.mountKv({ version: 2, path: 'secret' });
  return server;
}

/** @param server - what the document is to find; `undefined` where it starts one itself */
async function prepare(server: VaultServer | undefined): Promise<Run> {
  const folder = await mkdtemp(join(tmpdir(), 'keyfall-docs-'));
  const port = server === undefined ? await freePort() : Number(new URL(server.address).port);
  const home = join(folder, 'home');
  const bin = join(folder, 'bin');
  const npm = join(folder, 'npm');
  for (const each of [home, bin, join(npm, 'lib')]) await mkdir(each, { recursive: true });
  await symlink(root, join(home, 'keyfall'));
  await symlink(await findVaultBinary(), join(bin, 'bao'));
  const command = join(root, 'packages/cli/dist/bundle/bin.cjs');
  await writeFile(
    join(bin, 'keyfall'),
    `#!/bin/sh\nexec '${process.execPath}' '${command}' "$@"\n`,
  );
  await chmod(join(bin, 'keyfall'), 0o755);
  // what the program of age does with -o and -y, by the library that its author made
  const age = fileURLToPath(new URL('age-keygen.mjs', import.meta.url));
  await writeFile(
    join(bin, 'age-keygen'),
    `#!/bin/sh\nexec '${process.execPath}' '${age}' "$@"\n`,
    { mode: 0o755 },
  );
  await writeShop(join(folder, 'shop'));
  await symlink(join(root, 'docs/node_modules'), join(folder, 'shop/node_modules'));
  const ours =
    /^(?:VAULT|BAO|KEYFALL|VITEST)_|^(?:USE_VAULT|NODE_OPTIONS|NODE_ENV|VITEST|FORCE_COLOR|DBUS_SESSION_BUS_ADDRESS|XDG_RUNTIME_DIR)$/;
  const env = Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !ours.test(name) && !(name in shopSettings)),
  );
  return {
    folder,
    port,
    env: {
      ...env,
      HOME: home,
      PATH: `${join(npm, 'bin')}:${bin}:${process.env['PATH']}`,
      NO_COLOR: '1',
      GITHUB_ENV: join(folder, 'github-env'),
      npm_config_prefix: npm,
      npm_config_update_notifier: 'false',
    },
  };
}

async function runBlock(block: CodeBlock, run: Run): Promise<string | undefined> {
  const { words } = block;
  const name = words.get('file');
  if (name !== undefined) {
    const file = join(run.folder, 'shop', name);
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, `${block.text}\n`);
    return undefined;
  }
  if (words.has('docker')) return dockerCompose(block.text, run);
  if (words.has('server')) return startInOtherTerminal(block.text, run);
  const { status, output } = await typeInShell(block, run);
  const expected = Number(words.get('exit') ?? 0);
  if (status !== expected) return `ended with ${status}, not ${expected}:\n${output}`;
  return block.output === undefined ? undefined : differenceFrom(block.output, output);
}

/** Environment and folder carry over from block to block, as in one terminal. */
async function typeInShell(
  { text, words, output: shown = '' }: CodeBlock,
  run: Run,
): Promise<{ status: number | null; output: string }> {
  const state = join(run.folder, 'terminal.state');
  const script = `
    cd '${join(run.folder, 'shop')}'
    [ ! -f '${state}' ] || . '${state}'
    trap 'status=$?; { export -p; printf "cd %q\\n" "$PWD"; } > "${state}"; exit $status' EXIT
    set -eu -o pipefail\n${text.replaceAll(documentedServer, `127.0.0.1:${run.port}`)}\n`;
  const log = join(run.folder, 'output');
  const file = await open(log, 'w');
  const child = spawn('bash', ['--noprofile', '--norc', '-c', script], {
    env: run.env,
    stdio: ['ignore', file.fd, file.fd],
    detached: words.has('ctrl-c'), // a process group of its own, as a terminal's
  });
  const ended = new Promise<number | null>((resolve, reject) => {
    child.once('error', reject).once('exit', resolve);
  });
  const printed = async () =>
    (await readFile(log, 'utf8')).replaceAll(`127.0.0.1:${run.port}`, documentedServer);
  let running: string | undefined;
  if (words.has('ctrl-c')) {
    const hasEnded = ended.then(() => true);
    const deadline = Date.now() + 60_000; // what it prints is compared once it has ended
    do running = await printed();
    while (
      differenceFrom(shown, running) !== undefined &&
      Date.now() < deadline &&
      !(await Promise.race([hasEnded, setTimeout(100, false)]))
    );
    if (child.exitCode === null && child.pid !== undefined) process.kill(-child.pid, 'SIGINT');
  }
  const status = await ended;
  await file.close();
  return { status, output: running ?? (await printed()) };
}

async function startDev(run: Run, args: readonly string[]): Promise<void> {
  await run.server?.stop();
  run.server = await startVaultServer({ external: false, token: devToken, port: run.port, args });
}

/** `docker compose` without Docker: the command of the compose file, run here. */
async function dockerCompose(text: string, run: Run): Promise<string | undefined> {
  for (const line of text.split('\n')) {
    const verb =
      /^docker compose -f \S*docker-compose\.vault\.yml (up -d --wait|stop|start|down)$/.exec(
        line,
      )?.[1];
    if (verb === undefined) return `is no docker compose command that the test knows: ${line}`;
    if (verb.startsWith('up') || verb === 'start') await startDev(run, await composeArguments());
    else await run.server?.stop();
  }
  return undefined;
}

/** The flags of the server in the compose file, but for the address it listens on, with its files as they are here. */
export async function composeArguments(): Promise<string[]> {
  const { services } = parse(await readFile(join(root, 'docker-compose.vault.yml'), 'utf8'));
  const [program, verb, ...flags]: string[] = services.vault.command;
  if (program !== 'bao' || verb !== 'server') throw new Error('The compose file starts no server.');
  const volumes: string[] = services.vault.volumes;
  return flags
    .filter((flag) => !flag.startsWith('-dev-listen-address='))
    .map((flag) =>
      volumes.reduce((text, volume) => {
        const [here = '', there = ''] = volume.split(':');
        return text.replace(`=${there}`, `=${join(root, here)}`);
      }, flag),
    );
}

async function startInOtherTerminal(text: string, run: Run): Promise<string | undefined> {
  const [, flags] = /^bao server -dev (.+)$/.exec(text) ?? [];
  if (flags === undefined) return 'is no server that the test knows';
  await startDev(run, flags.split(' '));
  return undefined;
}
