/**
 * `.env` files as a store: read as npm dotenv reads them, so that an application which moves to
 * Keyfall sees the values it always saw.
 */
import { createHmac, randomBytes } from 'node:crypto';
import { resolve } from 'node:path';
import {
  type SecretBatch,
  SecretError,
  type SecretProvider,
  type SecretRecord,
} from '@keyfall/core';
import { type DotenvFile, decodeText, problem, readBytes } from './dotenv-file.ts';

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
  /** Unique in the chain. Default `dotenv`. */
  readonly name?: string;
}

/** A file of the provider, and whether it may be missing. */
interface Source extends DotenvFile {
  readonly required: boolean;
}

/**
 * A provider over one `.env` file or several.
 *
 * A missing file is an answer: it holds nothing. A file that is there and cannot be read is an error.
 * Names that dotenv does not know or loses (`__proto__`, quoted or non-ASCII names) are not there.
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
  const { name = 'dotenv' } = options;
  const sources = sourcesOf(options, name);
  const store = sources.map(({ shown }) => shown).join(', ');
  return {
    name,
    store,
    async read(_names, { signal }): Promise<SecretBatch> {
      const contents: (Buffer | undefined)[] = [];
      for (const source of sources) {
        if (signal.aborted) throw new SecretError('ERR_SECRET_ABORTED', 'the read was aborted');
        contents.push(await readSource(source));
      }
      const revision = revisionOf(contents);
      if (contents.every((bytes) => bytes === undefined)) {
        const description = sources.length === 1 ? 'has no such file' : 'has none of these files';
        const missingDocument = { description, optional: true };
        return { entries: new Map(), complete: true, missingDocument, revision };
      }
      // Loaded here, since a chain that never falls back to a file never needs it.
      const { parse } = await import('dotenv');
      const entries = new Map<string, SecretRecord>();
      for (const [index, source] of sources.entries()) {
        const bytes = contents[index];
        if (bytes === undefined) continue;
        const values = parse(decodeText(source, bytes), { fast: true });
        for (const [key, value] of Object.entries(values)) entries.set(key, { value });
      }
      return { entries, complete: true, revision };
    },
  };
}

async function readSource(source: Source): Promise<Buffer | undefined> {
  const bytes = await readBytes(source);
  if (bytes === undefined && source.required)
    throw problem(
      source,
      'ERR_SECRET_CONFIG',
      'does not exist, and mustExist is set',
      'Create it, or correct the path.',
    );
  return bytes;
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

// Keyed by a secret of this process: a plain hash of a short file can be guessed, and with it the
// values. So a revision means nothing to another process.
let revisionKey: Buffer | undefined;

function revisionOf(contents: readonly (Uint8Array | undefined)[]): string {
  revisionKey ??= randomBytes(32);
  const hash = createHmac('sha256', revisionKey);
  for (const bytes of contents) {
    hash.update(bytes === undefined ? 'missing;' : `${bytes.length};`);
    if (bytes !== undefined) hash.update(bytes);
  }
  return hash.digest('hex').slice(0, 32);
}
