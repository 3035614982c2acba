/**
 * The `.env` of a migration, read exactly as the application would read it.
 */
import { readFile } from 'node:fs/promises';
import { type DotenvInspection, dotenvProvider, inspectDotenv } from '@keyfall/provider-dotenv';
import { openAlone } from '../one-provider.ts';
import { listNames } from '../terminal.ts';

/** The content of a `.env` at one moment; `values` as npm dotenv reads them, in the file's order. */
export interface MigrationSource extends DotenvInspection {
  /** The path as the user gave it. */
  readonly path: string;
  readonly bytes: Buffer;
  readonly text: string;
}

/**
 * Reads the file.
 * @throws as `dotenvProvider` for a file that is not there, not readable or not text
 */
export async function readSource(path: string): Promise<MigrationSource> {
  // the provider knows what is no readable text file; the bytes are needed for the backup
  await openAlone(dotenvProvider({ path, mustExist: true })).getAll();
  const bytes = await readFile(path);
  const text = bytes.toString('utf8');
  return { path, bytes, text, ...(await inspectDotenv(text)) };
}

/** What may surprise about the file, a sentence each. */
export function surprises(source: MigrationSource): string[] {
  const { path, duplicates, droppedLines, expansions } = source;
  const found: string[] = [];
  if (duplicates.length > 0)
    found.push(`${path} has ${listNames(duplicates)} more than once: the last one counts.`);
  if (droppedLines.length > 0)
    found.push(
      `${path} has lines that dotenv does not read, and that are not migrated: ${droppedLines.join(', ')}.`,
    );
  if (expansions.length > 0)
    found.push(
      `${listNames(expansions)} would be expanded by dotenv-expand ($NAME), and is migrated as it stands.`,
    );
  return found;
}
