/**
 * `.env` files as a store. They are read as the program that they were written for reads them, so that an application
 * which moves to Keyfall sees the values that it always saw.
 */
import { resolve } from 'node:path';
import {
  assertOptions,
  type NameReading,
  type OptionKinds,
  type SecretBatch,
  SecretError,
  type SecretProvider,
  type WriteReceipt,
  withApplied,
} from '@keyfall/core/provider';
import type { Contents, ReadSettings } from './contents/dotenv-contents.ts';
import { type DotenvFile, shownIn } from './contents/dotenv-file.ts';
import { type DotenvReader, dotenvReaders, type Variables } from './readers/reading.ts';

/** Options of {@link dotenvProvider}. */
export interface DotenvProviderOptions {
  /**
   * The file, or several of which later ones win. Relative to the working directory at the time the
   * provider is made. Default `.env`.
   */
  readonly path?: string | readonly string[] | undefined;
  /**
   * Adds `.env.<profile>` and `.env.local` beside each `path`, in this order, later ones winning.
   * Neither need exist. Letters, digits, `_`, `-` and `.` only.
   */
  readonly profile?: string | undefined;
  /** Each `path` must exist (what `profile` adds need not). Default false. */
  readonly mustExist?: boolean | undefined;
  /**
   * Replaces `$NAME` and `${NAME}` in values as dotenv-expand does, by the names of the files only: a name that is
   * missing becomes an empty text. A value that is written gets a backslash before such a `$`, so that it reads back the
   * same. Default false: `$` is a character like any other.
   */
  readonly expand?: boolean | undefined;
  /**
   * Whose reading of the file counts: programs differ on `#`, quotes, backslashes and `$`. Name the program that the
   * file is written for: `npm` (dotenv), `python` (python-dotenv), `node`
   * (`node --env-file`), `compose` (docker compose), `shell` (`set -a; . ./.env`). Default: the one that the
   * file itself names by `KEYFALL_READER`, else `npm`, with a warning if `node` reads something else.
   * `python` and `compose` replace `${NAME}`, by the environment first, as these programs do.
   */
  readonly reader?: DotenvReader | undefined;
  /** Whether it warns, without a `reader`, of names that `node --env-file` reads differently. Default true. */
  readonly warnOfReaders?: boolean | undefined;
  /** What `${NAME}` may refer to beside the file, for the readers that look there. Default `process.env`. */
  readonly variables?: Variables | undefined;
  /** Unique in the chain. Default `dotenv`. */
  readonly name?: string | undefined;
}

/** A provider over `.env` files. */
export interface DotenvProvider extends SecretProvider {
  /** The reader that the options name. Without one it is that of the file's own `KEYFALL_READER`, else `npm`. */
  readonly reader: DotenvReader | undefined;
}

const optionKinds: OptionKinds<DotenvProviderOptions> = {
  path: 'anything',
  profile: 'text',
  mustExist: 'true or false',
  expand: 'true or false',
  reader: dotenvReaders,
  warnOfReaders: 'true or false',
  variables: 'an object',
  name: 'text',
};

/**
 * A provider over one `.env` file or several.
 *
 * A missing file is an answer: it holds nothing. A file that exists and cannot be read is an error. Names that the
 * reader drops count as absent (npm dotenv: `__proto__`, quoted or non-ASCII names). With the reader `shell`, a value that
 * only a shell could find out, by running the file, is an error of its name.
 *
 * A write edits the text in place: a name in the last file that holds it, a new one in the first. A
 * change of two files is refused with `ERR_SECRET_UNSUPPORTED`, and so is a value that no `.env` file
 * can hold. A `revision` is valid within this process only.
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
export function dotenvProvider(options: DotenvProviderOptions = {}): DotenvProvider {
  checkOptions(options);
  const { name = 'dotenv', expand = false, warnOfReaders = true } = options;
  const sources = sourcesOf(options, name);
  const store = shownIn(sources);
  const settings: ReadSettings = {
    provider: name,
    // dotenv-expand belongs to npm's dotenv
    reader: options.reader ?? (expand ? 'npm' : undefined),
    variables: () => options.variables ?? process.env,
  };
  const reading = { ...settings, expand, warnOfReaders };
  const writing = { ...settings, expand };
  let last: Contents | undefined;
  return {
    name,
    store,
    reader: settings.reader,
    place: { kind: 'dotenv', files: sources.map(({ path }) => path) },
    plainText: true,
    atomicity: 'store',
    conditionalWrites: 'always',

    async read(_names, { signal, warn }): Promise<SecretBatch> {
      // imported here: a chain that falls back to the file once in a while does not pay for it at each start
      const { batchOf, readContents } = await import('./read-files.ts');
      last = await readContents(sources, settings, signal);
      return batchOf(last, sources, reading, warn);
    },

    async readings(): Promise<readonly NameReading[]> {
      if (last === undefined) return [];
      const { mayBeReadDifferently } = await import('./read-files.ts');
      if (!mayBeReadDifferently(last)) return [];
      const { readingsOf } = await import('./contents/name-readings.ts');
      return readingsOf(last, settings.variables());
    },

    async write(changes, context): Promise<WriteReceipt> {
      const { writeOnce } = await import('./editing/write-dotenv.ts');
      const conditional = changes.ifRevision !== undefined;
      // Another program, such as an editor, may change a file in between: then the change is made again.
      for (let attempt = 0; attempt < 5; attempt++) {
        const revision = await writeOnce(sources, writing, changes, context).catch((error) => {
          // an error after the file was replaced says so already
          throw withApplied(error, 'no');
        });
        if (revision !== undefined) return { revision, conditional };
      }
      throw new SecretError(
        'ERR_SECRET_CONFLICT',
        `${store} keeps being changed by other programs`,
        {
          provider: name,
          retryable: true,
          applied: 'no',
        },
      );
    },

    async check(context) {
      const { checkDotenv } = await import('./check/check-dotenv.ts');
      return checkDotenv(sources, writing, context);
    },

    async watch(onChange, signal) {
      const { watchFiles } = await import('@keyfall/core/provider/files');
      const paths = sources.map(({ path }) => path);
      await watchFiles(paths, onChange, signal);
    },
  };
}

function checkOptions(options: DotenvProviderOptions): void {
  assertOptions(options, 'dotenvProvider', optionKinds);
  const { reader = 'npm', expand = false } = options;
  if (expand && reader !== 'npm') throw configError('expand', 'works with the reader npm only');
}

function configError(
  option: keyof DotenvProviderOptions,
  reason: string,
  provider = 'dotenv',
): SecretError {
  return new SecretError('ERR_SECRET_CONFIG', `the option ${option} ${reason}`, {
    provider,
    setting: { option },
    hint: 'Correct it, or leave it out.',
  });
}

function sourcesOf(options: DotenvProviderOptions, provider: string): readonly DotenvFile[] {
  const { path = '.env', profile, mustExist = false } = options;
  const paths: readonly unknown[] = Array.isArray(path) ? path : [path];
  if (paths.length === 0) throw configError('path', 'does not name a file', provider);
  if (profile !== undefined && !/^[\w.-]+$/.test(profile))
    throw configError('profile', 'may only hold letters, digits, "_", "-" and "."', provider);
  const sources = new Map<string, DotenvFile>();
  for (const given of paths) {
    if (typeof given !== 'string' || given === '' || given.includes('\0'))
      throw configError('path', 'must be text that can name a file', provider);
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
