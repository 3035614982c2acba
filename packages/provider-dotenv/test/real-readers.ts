/**
 * The programs themselves that read a `.env`, many texts in one process of each.
 */
import { execFile, execFileSync } from 'node:child_process';
import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { cacheFolder, provideOnce } from '../../testkit/src/servers/provide-once.ts';

const run = promisify(execFile);

/** What one of them makes of a text; `undefined` where it fails. */
export type Values = Readonly<Record<string, string>> | undefined;

/** The version of python-dotenv that the reader `python` is held to. */
const pythonDotenvVersion = '1.2.4';

/** A folder for `PYTHONPATH` with python-dotenv, installed once by pip into the user's cache. */
export async function pythonDotenv(version: string = pythonDotenvVersion): Promise<string> {
  const cache = cacheFolder(`python-dotenv-${version}`);
  const folder = join(cache, 'site');
  await provideOnce({
    what: 'python-dotenv',
    cache,
    target: join(folder, 'bin', 'dotenv'),
    async provide() {
      const work = await mkdtemp(join(cache, 'work-'));
      try {
        const pip = '-m pip install --quiet --disable-pip-version-check --no-deps --target'.split(
          ' ',
        );
        await run('python3', [...pip, work, `python-dotenv==${version}`], { timeout: 10 * 60_000 });
        await rename(work, folder);
      } catch (error) {
        // pip's own text names package indexes, which may carry credentials: only the exit code
        const code = (error as { code?: unknown }).code ?? 'a signal';
        throw new Error(`pip could not install python-dotenv ${version} (${code}).`);
      } finally {
        await rm(work, { recursive: true, force: true });
      }
    },
  });
  return folder;
}

const python = `
import io, json, logging, os, sys
from dotenv import load_dotenv
logging.disable(logging.CRITICAL)
cases = json.load(sys.stdin)
answers = []
for text, variables in cases:
    os.environ.clear()
    os.environ.update(variables)
    # as open() reads a file
    stream = io.TextIOWrapper(io.BytesIO(text.encode('utf-8')), encoding='utf-8')
    try:
        load_dotenv(stream=stream)
        answers.append({k: v for k, v in os.environ.items() if k not in variables})
    except ValueError:
        answers.append(None)
json.dump(answers, sys.stdout)
`;

/** What `load_dotenv()` sets for each text, where these variables are there. */
export async function readByPython(
  cases: readonly (readonly [text: string, variables: Readonly<Record<string, string>>])[],
  version?: string,
): Promise<Values[]> {
  const folder = await pythonDotenv(version);
  const output = execFileSync('python3', ['-c', python], {
    input: JSON.stringify(cases),
    env: { PATH: process.env['PATH'], PYTHONPATH: folder, PYTHONUTF8: '1' },
    maxBuffer: 1e9,
  });
  return (JSON.parse(output.toString()) as (Values | null)[]).map((values) => values ?? undefined);
}

/**
 * What `set -a; . FILE` sets for each text, in a shell of its own each, without a program to start. For
 * texts alone that start none.
 */
export async function readByShell(
  texts: readonly string[],
  names: readonly string[],
  folder: string,
  shell = 'sh',
): Promise<Values[]> {
  for (const [index, text] of texts.entries()) await writeFile(join(folder, `${index}.env`), text);
  // `printf` is a part of the shell: with this PATH there is nothing else
  const shown = names.map((name) => `\${${name}+"${name}=$${name}"}`).join(' ');
  const script = `PATH=/nowhere
i=0
while [ $i -lt ${texts.length} ]; do
  (unset ${names.join(' ')}; set -a; . "$1/$i.env"; printf '%s\\000' ${shown}; printf 'ok\\000') 2>&-
  printf 'end\\000'
  i=$((i + 1))
done`;
  const output = execFileSync(shell, ['-c', script, 'sh', folder], {
    env: {},
    maxBuffer: 1e9,
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const answers = output.toString().split('end\0').slice(0, -1);
  return answers.map((answer) => {
    const parts = answer.split('\0').slice(0, -1);
    if (parts.pop() !== 'ok') return undefined;
    return Object.fromEntries(
      parts
        .filter((part) => part.includes('='))
        .map((part) => [part.slice(0, part.indexOf('=')), part.slice(part.indexOf('=') + 1)]),
    );
  });
}
