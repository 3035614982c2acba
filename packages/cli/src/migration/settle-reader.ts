/**
 * Which reader's values are migrated: those that the program would have read by itself. If readers differ and none was
 * named, the user is asked on a terminal, and a script is refused.
 */
import { dirname, resolve } from 'node:path';
import type { DotenvReader } from '@keyfall/provider-dotenv';
import { bootstrapNames } from '../chain/bootstrap-settings.ts';
import { assertNotOfCredentials, describeReadings, differingError } from '../chain/one-reading.ts';
import { canPrompt, notice } from '../terminal/terminal.ts';
import { askReader } from './ask-reader.ts';
import { type FileSource, type MigrationSource, readSource } from './source.ts';

/** The source as its reader reads it. */
export interface Settled<Source extends MigrationSource = MigrationSource> {
  readonly source: Source;
  /** The reader that the user chose just now. */
  readonly chosen?: DotenvReader;
}

/** What decides whether the user is asked. */
export interface SettleOptions {
  readonly yes?: boolean;
  readonly select?: readonly string[];
}

/**
 * The source, as the reader that counts reads it.
 *
 * @throws `ERR_SECRET_CONFIG` with the names and the readers if the user cannot be asked; `ERR_SECRET_ABORTED` if the
 *   user would rather stop
 */
export async function settleReader(
  source: MigrationSource,
  { yes = false, select }: SettleOptions,
  signal: AbortSignal,
): Promise<Settled> {
  if (source.kind === 'store') return { source };
  const isMoved = (name: string) =>
    !bootstrapNames.has(name) && (select === undefined || select.includes(name));
  const differing = [...source.differing]
    .map(([name, readers]) => ({ name, readers }))
    .filter(({ name }) => isMoved(name));
  let settled: Settled<FileSource> = { source };
  if (differing.length > 0) {
    const isHeld = (name: string) => source.values.has(name);
    if (yes || !canPrompt()) throw await differingError(differing, source.path, isHeld);
    notice(`programs read ${source.label} differently: ${describeReadings(differing, isHeld)}.`);
    const chosen = await askReader(source.label, dirname(resolve(source.path)), signal);
    settled = { source: await readSource(source.path, { reader: chosen }), chosen };
  }
  const made = [...settled.source.outside]
    .map(([name, variables]) => ({ name, variables: [...variables] }))
    .filter(({ name }) => isMoved(name));
  assertNotOfCredentials(made, source.path);
  return settled;
}
