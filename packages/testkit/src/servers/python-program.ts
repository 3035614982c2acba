/**
 * Servers that are Python packages: their own program on PATH, or the package installed once by pip into the user's cache.
 */
import { execFile } from 'node:child_process';
import { mkdtemp, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { cacheFolder, onPath, provideOnce } from './provide-once.ts';
import type { ServerProcessOptions } from './server-process.ts';

const run = promisify(execFile);

/** A program of a Python package. */
export interface PythonProgram {
  /** What pip installs: `moto[server]`. */
  readonly package: string;
  readonly version: string;
  /** The folder in the cache: `moto`. */
  readonly name: string;
  /** The program on PATH: `moto_server`. */
  readonly program: string;
  /** Its module: `moto.server`. */
  readonly module: string;
}

/**
 * How to start it, before its own arguments.
 *
 * @throws an `Error` that says how to get it, if there is none and pip cannot install it
 */
export async function findPythonProgram(
  wanted: PythonProgram,
): Promise<
  Pick<ServerProcessOptions, 'binary' | 'args'> & { readonly env: Record<string, string> }
> {
  const { package: name, version, program, module } = wanted;
  const hint = `Install it with "pip install ${name}", so that ${program} is on PATH.`;
  // what it prints is read to learn its port
  const env = { PYTHONUNBUFFERED: '1' };
  const installed = await onPath(program);
  if (installed !== undefined) return { binary: installed, args: [], env };
  const python = (await onPath('python3')) ?? (await onPath('python'));
  if (python === undefined)
    throw new Error(`There is no python3 on PATH to run ${wanted.name} with. ${hint}`);
  const cache = cacheFolder(wanted.name);
  const folder = join(cache, version);
  await provideOnce({
    what: wanted.name,
    cache,
    target: join(folder, 'bin', program),
    provide: () => install(python, cache, folder),
  });
  return { binary: python, args: ['-m', module], env: { ...env, PYTHONPATH: folder } };

  async function install(python: string, cache: string, folder: string): Promise<void> {
    const work = await mkdtemp(join(cache, 'work-'));
    // into a folder, since a venv needs a Debian package of its own and cannot be moved
    const pip = '-m pip install --quiet --disable-pip-version-check --target'.split(' ');
    try {
      await run(python, [...pip, work, `${name}==${version}`], { timeout: 14 * 60_000 });
      await rename(work, folder);
    } catch (error) {
      // pip's own text names package indexes, which may carry credentials: only the exit code
      const code = (error as { code?: unknown }).code ?? 'a signal';
      throw new Error(`"pip install ${name}==${version}" failed (${code}). ${hint}`);
    } finally {
      await rm(work, { recursive: true, force: true });
    }
  }
}
