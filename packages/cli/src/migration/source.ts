/**
 * What a migration moves: a `.env`, read exactly as the application would read it, or the content of another store.
 */
import { resolve } from 'node:path';
import { isSecretError, SecretError } from '@keyfall/core';
import { labelOf, type SecretProvider, type StorePlace } from '@keyfall/core/provider';
import { type DotenvProviderOptions, dotenvProvider } from '@keyfall/provider-dotenv';
import { type DotenvInspection, inspectDotenv } from '@keyfall/provider-dotenv/edit';
import { openProvider, unlimited } from '../chain/one-provider.ts';
import { assertOneReading } from '../chain/one-reading.ts';
import { readNamedFile } from '../files/read-input.ts';
import { takesOver } from '../run/take-over-names.ts';
import { listNames, printable } from '../terminal/terminal.ts';
import { changedMeanwhile } from './files.ts';
import { placeOf } from './store-identity.ts';

/** A `.env` at one moment; `values` as its reader reads them. */
export interface FileSource extends DotenvInspection {
  readonly kind: 'file';
  /** The path, for messages. */
  readonly label: string;
  /** The path as the user gave it. */
  readonly path: string;
  /** By this the next run recognises it. */
  readonly place: StorePlace;
  readonly bytes: Buffer;
  readonly text: string;
}

/** What a store holds at one moment. A migration never changes it. */
export interface StoreSource {
  readonly kind: 'store';
  /** Only a file has a reader. */
  readonly reader?: undefined;
  readonly label: string;
  readonly place: StorePlace;
  /** Which store it is, for people. */
  readonly store: string;
  readonly values: ReadonlyMap<string, string>;
}

/** Milliseconds to read a store: a large one takes several requests. */
const timeout = 20_000;

/** Where the values come from. */
export type MigrationSource = FileSource | StoreSource;

/**
 * Reads a file.
 *
 * @param options - the reader that counts. Default: the one that the file names, else npm's
 * @throws as `dotenvProvider` for a file that does not exist, or that its reader cannot read
 */
export async function readSource(
  path: string,
  { reader, variables = process.env }: Pick<DotenvProviderOptions, 'reader' | 'variables'> = {},
): Promise<FileSource> {
  // the provider refuses a file that is not text; the bytes are needed for the backup
  const options = reader === undefined ? { variables } : { variables, reader };
  const provider = dotenvProvider({ path, mustExist: true, warnOfReaders: false, ...options });
  await openProvider(provider).getAll();
  const bytes = await readNamedFile(path);
  if (bytes === undefined) throw changedMeanwhile(path);
  const text = bytes.toString();
  const inspection = await inspectDotenv(text, options);
  const label = printable(path);
  const place = { kind: 'dotenv', files: [resolve(path)] };
  return { kind: 'file', label, path, place, bytes, text, ...inspection };
}

/**
 * Reads everything that a store holds.
 * @param options - `mayBeMissing`: a document that does not exist holds nothing
 * @throws `ERR_SECRET_NOT_FOUND` for a document that does not exist, since its name may be mistyped; what the store
 *   answers, for the whole or for one name: no value may be left behind unnoticed
 */
export async function readStoreSource(
  provider: SecretProvider,
  { mayBeMissing = false }: { readonly mayBeMissing?: boolean } = {},
): Promise<StoreSource> {
  const secrets = openProvider(provider, timeout);
  let missing: string | undefined;
  secrets.on('fallback', ({ reason, detail }) => {
    if (reason === 'missing-document') missing = detail;
  });
  try {
    const { entries } = await secrets.asProvider().read('all', unlimited());
    if (missing !== undefined && !mayBeMissing)
      throw new SecretError(
        'ERR_SECRET_NOT_FOUND',
        `${printable(labelOf(provider.name, provider.store))} ${missing}, so there is nothing to migrate`,
        { hint: 'Check the value of --from.' },
      );
    const values = new Map<string, string>();
    for (const [name, entry] of entries) {
      if (isSecretError(entry)) throw entry;
      values.set(name, entry.value);
    }
    await assertOneReading([provider], {
      isTaken: () => true,
      isHeld: (name) => values.has(name),
    });
    const { name, store } = provider;
    const label = printable(labelOf(name, store));
    return { kind: 'store', label, place: placeOf(provider), store, values };
  } finally {
    await secrets.close();
  }
}

/** What the user may not expect of the source, one sentence each. */
export function surprises(source: MigrationSource): string[] {
  const found: string[] = [];
  if (source.kind === 'file') {
    const { label, duplicates, droppedLines, expansions, outside, reader } = source;
    if (duplicates.length > 0)
      found.push(
        `${label} has ${listNames(duplicates)} more than once: the last one counts${duplicates.length === 1 ? '' : ' of each'}.`,
      );
    if (droppedLines.length > 0)
      found.push(
        `${reader === 'npm' ? 'dotenv' : `the reader ${reader}`} does not read ${droppedLines.length === 1 ? 'line' : 'lines'} ${listNames(droppedLines.map(String))} of ${label}: what stands there is not migrated.`,
      );
    if (outside.size > 0)
      found.push(
        `${listNames([...outside.keys()])} ${outside.size === 1 ? 'is' : 'are'} made of variables of this environment: what is migrated is the value that ${outside.size === 1 ? 'it has' : 'they have'} here and now.`,
      );
    if (expansions.length > 0)
      found.push(
        `${listNames(expansions)} would be expanded by dotenv-expand ($NAME), and ${expansions.length === 1 ? 'is migrated as it stands' : 'are migrated as they stand'}.`,
      );
  }
  const odd = [...source.values.keys()].filter((name) => !/^[A-Za-z_]\w*$/.test(name));
  if (odd.length > 0)
    found.push(
      `${listNames(odd)} cannot be ${odd.length === 1 ? 'the name of a variable' : 'names of variables'} in a shell: a shell script cannot read ${odd.length === 1 ? 'it' : 'them'}.`,
    );
  const dangerous = [...source.values.keys()].filter((name) => takesOver(name));
  if (dangerous.length > 0)
    found.push(
      `${listNames(dangerous)} could take over a program that is started with ${dangerous.length === 1 ? 'it' : 'them'}: keyfall run refuses ${dangerous.length === 1 ? 'it' : 'them'} unless --only lists every name that the program gets.`,
    );
  return found;
}
