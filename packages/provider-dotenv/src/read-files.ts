/**
 * A read of the provider: what its files hold, as answers to a chain, and what there is to warn of.
 */
import { type SecretBatch, SecretError, type SecretRecord } from '@keyfall/core/provider';
import { exposureOf } from './check/exposure.ts';
import { type Contents, merged, type ReadSettings } from './contents/dotenv-contents.ts';
import { type DotenvFile, shownIn } from './contents/dotenv-file.ts';
import { revisionOf } from './contents/revision.ts';
import { isPlainText } from './readers/read-dotenv.ts';

export { readContents } from './contents/dotenv-contents.ts';

/** How values are made of what the files hold. */
export interface BatchSettings extends ReadSettings {
  /** As `DotenvProviderOptions.expand`. */
  readonly expand: boolean;
  /** As `DotenvProviderOptions.warnOfReaders`. */
  readonly warnOfReaders: boolean;
}

/** What the files hold, for a chain. */
export async function batchOf(
  contents: Contents,
  sources: readonly DotenvFile[],
  { provider, expand, warnOfReaders, variables }: BatchSettings,
  warn: (message: string) => void,
): Promise<SecretBatch> {
  const { files } = contents;
  const store = shownIn(sources);
  const revision = revisionOf(sources, files);
  if (files.every((content) => content === undefined)) {
    const description = sources.length === 1 ? 'has no such file' : 'has none of these files';
    const missingDocument = { description, optional: true };
    return { entries: new Map(), complete: true, missingDocument, revision };
  }
  for (const [index, source] of sources.entries())
    if (files[index] !== undefined) await warnOfExposure(source, warn);
  const raw = merged(files);
  const entries = new Map<string, SecretRecord | SecretError>();
  const values = expand
    ? (await import('./readers/expand-dotenv.ts')).expandValues(raw, provider)
    : raw;
  for (const [key, value] of values) entries.set(key, { value });
  for (const [index, content] of files.entries())
    for (const [key, line] of content?.unknown ?? [])
      if (!files.slice(index + 1).some((later) => later?.values.has(key)))
        entries.set(key, unknownValue(key, line, sources[index]?.shown ?? '', provider));
  if (warnOfReaders && !contents.isReaderNamed && !files.every(isPlain)) {
    const { differingInNode } = await import('./contents/name-readings.ts');
    const names = await differingInNode(contents, variables());
    if (names.length > 0)
      warn(
        `npm dotenv and node --env-file read ${names.join(', ')} of ${store} differently, and npm's values are used: say which one counts, with the option reader`,
      );
  }
  if (contents.reader === 'python' && files.length > 1) {
    const { differingInOrder } = await import('./contents/name-readings.ts');
    const names = await differingInOrder(contents, variables());
    if (names.length > 0)
      warn(
        `${names.join(', ')} of ${store} may have another value in a program that calls load_dotenv() for one file after the other: the value refers to a name of another file, and here each file is read by itself, as by dotenv_values()`,
      );
  }
  return { entries, complete: true, revision };
}

/** Whether a program may read something else in the files, or a value depends on the environment. */
export function mayBeReadDifferently({ files, isReaderNamed }: Contents): boolean {
  return files.some(
    (file) => file !== undefined && (file.outside.size > 0 || !(isReaderNamed || isPlain(file))),
  );
}

/** Whether all programs read the same in a file. */
function isPlain(file: Contents['files'][number]): boolean {
  return isPlainText(file?.text ?? '');
}

function unknownValue(name: string, line: number, file: string, provider: string): SecretError {
  return new SecretError(
    'ERR_SECRET_INVALID',
    `line ${line} of ${file} has a value that only a shell can find out by running the line, and nothing is run here`,
    {
      provider,
      secretName: name,
      hint: "Write the value itself, in single quotes, or name another reader if the file is not a shell's.",
    },
  );
}

/** Paths whose exposure was checked: once in a process is enough. */
const checkedPaths = new Set<string>();

async function warnOfExposure(
  { path, shown }: DotenvFile,
  warn: (message: string) => void,
): Promise<void> {
  if (checkedPaths.has(path)) return;
  checkedPaths.add(path);
  const exposure = await exposureOf(path);
  if (exposure?.tracked)
    warn(`git tracks ${shown}: its values are in the history of the repository`);
  if (exposure?.readableByAll)
    warn(
      exposure.isLink
        ? `every user of this machine can read the file that ${shown} leads to`
        : `every user of this machine can read ${shown}: run chmod o-r ${shown}`,
    );
}
