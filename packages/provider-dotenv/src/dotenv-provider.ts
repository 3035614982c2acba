/**
 * `.env` files as a store: read as the program reads them that they were written for, so that an
 * application which moves to Keyfall sees the values it always saw.
 */
import { resolve } from 'node:path';
import { SecretError } from '@keyfall/core';
import {
  assertOptions,
  type NameReading,
  type SecretBatch,
  type SecretProvider,
  type SecretRecord,
  type WriteReceipt,
  withApplied,
} from '@keyfall/core/provider';
import { watchFiles } from '@keyfall/core/provider/files';
import { exposureOf } from './check/exposure.ts';
import {
  type Contents,
  type Manner,
  merged,
  readContents,
  type Source,
  shownIn,
} from './contents/dotenv-contents.ts';
import { revisionOf } from './contents/revision.ts';
import { isDotenvReader, isPlainText } from './readers/read-dotenv.ts';
import { type DotenvReader, dotenvReaders, type Variables } from './readers/reading.ts';

/** Options of {@link dotenvProvider}. */
export interface DotenvProviderOptions {
  /**
   * The file, or several of which later ones win. Relative to the working directory at the time the
   * provider is made. Default `.env`.
   */
  readonly path?: string | readonly string[];
  /**
   * Adds `.env.<profile>` and `.env.local` beside each `path`, in this order, later ones winning.
   * Neither need exist. Letters, digits, `_`, `-` and `.` only.
   */
  readonly profile?: string;
  /** Each `path` must exist (what `profile` adds need not). Default false. */
  readonly mustExist?: boolean;
  /**
   * Replaces `$NAME` and `${NAME}` in values as dotenv-expand does, from the names of the files alone:
   * what is not there is an empty text. A value that is written gets a backslash before such a `$`, so
   * that it reads back the same. Default false: `$` is a character like any other.
   */
  readonly expand?: boolean;
  /**
   * Whose reading of the file counts: readers of a `.env` differ on `#`, quotes, backslashes and `$`. The
   * program that was written for the file names it: `npm` (dotenv), `python` (python-dotenv), `node`
   * (`node --env-file`), `compose` (docker compose), `shell` (`set -a; . ./.env`). Default: the one that the
   * file itself names by `KEYFALL_READER`, else `npm`, with a warning where `node` reads something else.
   * `python` and `compose` replace `${NAME}`, by the environment first, as they do themselves.
   */
  readonly reader?: DotenvReader;
  /** Whether it warns, without a `reader`, of names that `node --env-file` reads otherwise. Default true. */
  readonly warnOfReaders?: boolean;
  /** What `${NAME}` may refer to beside the file, for the readers that look there. Default `process.env`. */
  readonly variables?: Variables;
  /** Unique in the chain. Default `dotenv`. */
  readonly name?: string;
}

/**
 * A provider over one `.env` file or several.
 *
 * A missing file is an answer: it holds nothing. A file that is there and cannot be read is an error.
 * Names that the reader does not know or loses are not there (npm dotenv: `__proto__`, quoted or non-ASCII
 * names). With the reader `shell`, a name whose value only a shell can tell that runs the file is an error.
 *
 * A write edits the text in place: a name in the last file that holds it, a new one in the first. A
 * change that concerns two files is refused with `ERR_SECRET_UNSUPPORTED`, as is what no `.env` file
 * can hold. A `revision` means nothing to another process.
 *
 * @throws `ERR_SECRET_CONFIG` if a path or the profile cannot name a file
 * @example
 * ```ts
 * import { createSecrets } from '@keyfall/core';
 * import { dotenvProvider } from '@keyfall/provider-dotenv';
 *
 * const secrets = createSecrets({ providers: [dotenvProvider({ profile: 'dev' })] });
 * const token = await secrets.get('TOKEN'); // .env.local's, else .env.dev's, else .env's
 * ```
 */
export function dotenvProvider(options: DotenvProviderOptions = {}): SecretProvider {
  checkOptions(options);
  const { name = 'dotenv', expand = false, warnOfReaders = true } = options;
  const sources = sourcesOf(options, name);
  const store = shownIn(sources);
  const manner: Manner = {
    provider: name,
    // dotenv-expand is of npm
    reader: options.reader ?? (expand ? 'npm' : undefined),
    variables: () => options.variables ?? process.env,
  };
  const writing = { ...manner, expand };
  let last: Contents | undefined;
  return {
    name,
    store,
    place: { kind: 'dotenv', files: sources.map(({ path }) => path) },
    plainText: true,
    atomicity: 'store',
    conditionalWrites: 'always',

    async read(_names, { signal, warn }): Promise<SecretBatch> {
      const contents = await readContents(sources, manner, signal);
      const { files } = contents;
      last = contents;
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
        ? (await import('./readers/expand-dotenv.ts')).expandValues(raw, name)
        : raw;
      for (const [key, value] of values) entries.set(key, { value });
      for (const [index, content] of files.entries())
        for (const [key, line] of content?.unknown ?? [])
          if (!files.slice(index + 1).some((later) => later?.values.has(key)))
            entries.set(key, unknownValue(key, line, sources[index]?.shown ?? '', name));
      if (
        warnOfReaders &&
        !contents.isSaid &&
        !files.every((content) => isPlainText(content?.text ?? ''))
      ) {
        const { differingInNode } = await import('./contents/name-readings.ts');
        const names = await differingInNode(contents, manner.variables());
        if (names.length > 0)
          warn(
            `npm dotenv and node --env-file differ on ${names.join(', ')} of ${store}, and npm's values are taken: say which counts with the option reader`,
          );
      }
      if (contents.reader === 'python' && files.length > 1) {
        const { differingInOrder } = await import('./contents/name-readings.ts');
        const names = await differingInOrder(contents, manner.variables());
        if (names.length > 0)
          warn(
            `${names.join(', ')} of ${store} may be another value to a program that calls load_dotenv() for one file after the other: it refers to a name of another file, and each file is read by itself here, as by dotenv_values()`,
          );
      }
      return { entries, complete: true, revision };
    },

    async readings(): Promise<readonly NameReading[]> {
      const isSaid = last?.isSaid ?? true;
      const isPlain = last?.files.every(
        (file) =>
          file === undefined || (file.outside.size === 0 && (isSaid || isPlainText(file.text))),
      );
      if (last === undefined || isPlain) return [];
      const { readingsOf } = await import('./contents/name-readings.ts');
      return readingsOf(last, manner.variables());
    },

    async write(changes, context): Promise<WriteReceipt> {
      // imported here, and so what expands and checks: what only reads has no use for it
      const { writeOnce } = await import('./editing/write-dotenv.ts');
      const conditional = changes.ifRevision !== undefined;
      // Another program may change a file in between, as an editor does: then once more, on what
      // is there now.
      for (let attempt = 0; attempt < 5; attempt++) {
        const revision = await writeOnce(sources, writing, changes, context).catch((error) => {
          // a file that was replaced all the same says so itself
          throw withApplied(error, 'no');
        });
        if (revision !== undefined) return { revision, conditional };
      }
      throw new SecretError('ERR_SECRET_CONFLICT', `${store} keeps being changed by others`, {
        provider: name,
        retryable: true,
        applied: 'no',
      });
    },

    async check(context) {
      const { checkDotenv } = await import('./check/check-dotenv.ts');
      return checkDotenv(sources, writing, context);
    },

    watch: (onChange, signal) =>
      watchFiles(
        sources.map(({ path }) => path),
        onChange,
        signal,
      ),
  };
}

function unknownValue(name: string, line: number, file: string, provider: string): SecretError {
  return new SecretError(
    'ERR_SECRET_INVALID',
    `line ${line} of ${file} has a value that only a shell can tell which runs the line, and nothing is run here`,
    {
      provider,
      secretName: name,
      hint: "Write the value itself, in single quotes, or name another reader if the file is not a shell's.",
    },
  );
}

/** Paths that were looked at: once in a process is enough. */
const lookedAt = new Set<string>();

async function warnOfExposure(
  { path, shown }: Source,
  warn: (message: string) => void,
): Promise<void> {
  if (lookedAt.has(path)) return;
  lookedAt.add(path);
  const exposure = await exposureOf(path);
  if (exposure?.tracked)
    warn(`git tracks ${shown}: its values are in the history of the repository`);
  if (exposure?.toAll) warn(`every user of this machine can read ${shown}: chmod o-r ${shown}`);
}

/** A program in plain JavaScript may hand over anything: `mustExist: 'false'` would be true. */
function checkOptions(options: DotenvProviderOptions): void {
  assertOptions(options, 'dotenvProvider');
  for (const [option, type, kind] of [
    ['name', 'string', 'text'],
    ['profile', 'string', 'text'],
    ['mustExist', 'boolean', 'boolean'],
    ['expand', 'boolean', 'boolean'],
    ['warnOfReaders', 'boolean', 'boolean'],
  ] as const)
    if (options[option] !== undefined && typeof options[option] !== type)
      throw new SecretError('ERR_SECRET_CONFIG', `the option ${option} is no ${kind}`, {
        provider: 'dotenv',
        hint: 'Correct it, or leave it out.',
      });
  const { reader, expand = false, variables } = options;
  const wrong =
    reader !== undefined && !isDotenvReader(reader)
      ? `the option reader is none of ${dotenvReaders.join(', ')}`
      : expand && reader !== undefined && reader !== 'npm'
        ? 'the option expand is for the reader npm alone'
        : variables !== undefined && (typeof variables !== 'object' || variables === null)
          ? 'the option variables is no object'
          : undefined;
  if (wrong !== undefined)
    throw new SecretError('ERR_SECRET_CONFIG', wrong, {
      provider: 'dotenv',
      hint: 'Correct it, or leave it out.',
    });
}

function sourcesOf(options: DotenvProviderOptions, provider: string): readonly Source[] {
  const { path = '.env', profile, mustExist = false } = options;
  const wrong = (reason: string) => new SecretError('ERR_SECRET_CONFIG', reason, { provider });
  const paths: readonly unknown[] = Array.isArray(path) ? path : [path];
  if (paths.length === 0) throw wrong('path names no file');
  if (profile !== undefined && !/^[\w.-]+$/.test(profile))
    throw wrong('profile may only hold letters, digits, "_", "-" and "."');
  const sources = new Map<string, Source>();
  for (const given of paths) {
    if (typeof given !== 'string' || given === '' || given.includes('\0'))
      throw wrong('path must be text that can name a file');
    const files =
      profile === undefined ? [given] : [given, `${given}.${profile}`, `${given}.local`];
    for (const shown of files) {
      const file = { path: resolve(shown), shown, provider };
      if (!sources.has(file.path))
        sources.set(file.path, { ...file, required: mustExist && shown === given });
    }
  }
  return [...sources.values()];
}
