/**
 * `.env` files as a store: read as npm dotenv reads them, so that an application which moves to
 * Keyfall sees the values it always saw.
 */
import { resolve } from 'node:path';
import {
  assertOptions,
  type SecretBatch,
  SecretError,
  type SecretProvider,
  type SecretRecord,
  type WriteReceipt,
  withApplied,
} from '@keyfall/core';
import { watchFiles } from '@keyfall/core/files';
import { merged, readContents, type Source, shownIn } from './dotenv-contents.ts';
import { exposureOf } from './exposure.ts';
import { revisionOf } from './revision.ts';

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
  /** Unique in the chain. Default `dotenv`. */
  readonly name?: string;
}

/**
 * A provider over one `.env` file or several.
 *
 * A missing file is an answer: it holds nothing. A file that is there and cannot be read is an error.
 * Names that dotenv does not know or loses (`__proto__`, quoted or non-ASCII names) are not there.
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
  const { name = 'dotenv', expand = false } = options;
  const sources = sourcesOf(options, name);
  const store = shownIn(sources);
  return {
    name,
    store,
    plainText: true,
    atomicity: 'store',
    conditionalWrites: 'always',

    async read(_names, { signal, warn }): Promise<SecretBatch> {
      const contents = await readContents(sources, name, signal);
      const revision = revisionOf(sources, contents);
      if (contents.every((content) => content === undefined)) {
        const description = sources.length === 1 ? 'has no such file' : 'has none of these files';
        const missingDocument = { description, optional: true };
        return { entries: new Map(), complete: true, missingDocument, revision };
      }
      for (const [index, source] of sources.entries())
        if (contents[index] !== undefined) await warnOfExposure(source, warn);
      const raw = merged(contents);
      const entries = new Map<string, SecretRecord>();
      const values = expand ? (await import('./expand-dotenv.ts')).expandValues(raw, name) : raw;
      for (const [key, value] of values) entries.set(key, { value });
      return { entries, complete: true, revision };
    },

    async write(changes, context): Promise<WriteReceipt> {
      // imported here, and so what expands and checks: what only reads has no use for it
      const { writeOnce } = await import('./write-dotenv.ts');
      const conditional = changes.ifRevision !== undefined;
      // Another program may change a file in between, as an editor does: then once more, on what
      // is there now.
      for (let attempt = 0; attempt < 5; attempt++) {
        const revision = await writeOnce(
          sources,
          { provider: name, expand },
          changes,
          context,
        ).catch((error) => {
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
      const { checkDotenv } = await import('./check-dotenv.ts');
      return checkDotenv(sources, { provider: name, expand }, context);
    },

    watch: (onChange, signal) =>
      watchFiles(
        sources.map(({ path }) => path),
        onChange,
        signal,
      ),
  };
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
  ] as const)
    if (options[option] !== undefined && typeof options[option] !== type)
      throw new SecretError('ERR_SECRET_CONFIG', `the option ${option} is no ${kind}`, {
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
