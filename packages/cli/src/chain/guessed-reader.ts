/**
 * Which program a `.env` was probably written for, by what lies beside it. A guess is proposed to a person,
 * and never acted on.
 */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { DotenvReader } from '@keyfall/provider-dotenv';

/** A guess, and the file that speaks for it. */
export interface GuessedReader {
  readonly reader: DotenvReader;
  readonly because: string;
}

// The first that is there: a project of Python or Node often has a compose file too.
const signs: readonly (readonly [string, DotenvReader])[] = [
  ['requirements.txt', 'python'],
  ['pyproject.toml', 'python'],
  ['Pipfile', 'python'],
  ['poetry.lock', 'python'],
  ['setup.py', 'python'],
  ['manage.py', 'python'],
  ['package.json', 'npm'],
  ['compose.yaml', 'compose'],
  ['compose.yml', 'compose'],
  ['docker-compose.yaml', 'compose'],
  ['docker-compose.yml', 'compose'],
];

/** The guess for a `.env` in this folder, if anything there speaks for one. */
export async function guessedReader(folder: string): Promise<GuessedReader | undefined> {
  const names = new Set(await readdir(folder).catch(() => []));
  const [because, reader] = signs.find(([name]) => names.has(name)) ?? [];
  if (because === undefined || reader === undefined) return undefined;
  if (because !== 'package.json') return { reader, because };
  const manifest = await readFile(join(folder, because), 'utf8').catch(() => '');
  return { reader: manifest.includes('--env-file') ? 'node' : reader, because };
}
