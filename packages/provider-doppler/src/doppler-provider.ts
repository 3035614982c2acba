/**
 * A config of Doppler as a bag of secrets.
 */
import { resolve } from 'node:path';
import { type Duration, isSecretError, SecretError } from '@keyfall/core';
import {
  assertOptions,
  failedCheck,
  pollForChanges,
  type SecretBatch,
  type SecretProvider,
  type SecretRecord,
  toMilliseconds,
} from '@keyfall/core/provider';
import { askDoppler, type CallBounds } from './doppler-api.ts';
import { fallbackPassphrase, writeFallbackFile } from './fallback-file.ts';

/** Options of {@link dopplerProvider}. */
export interface DopplerProviderOptions {
  /** A service token, or another token together with `project` and `config`. Variable `DOPPLER_TOKEN`. */
  readonly token?: string;
  /** Variable `DOPPLER_PROJECT`. A service token has its own. */
  readonly project?: string;
  /** Variable `DOPPLER_CONFIG`. A service token has its own. */
  readonly config?: string;
  /**
   * A file that each read leaves encrypted, for {@link dopplerFallbackProvider} to read when Doppler
   * cannot be asked. Default: none.
   */
  readonly fallbackFile?: string;
  /** What the file is encrypted with. Variable `DOPPLER_PASSPHRASE`; default as Doppler's own CLI. */
  readonly passphrase?: string;
  /** How often `watch` asks whether something changed. Default `'1m'`, at least a second. */
  readonly pollInterval?: Duration;
  /** The API. Default `https://api.doppler.com`. */
  readonly address?: string;
  /** Unique in the chain. Default `doppler`. */
  readonly name?: string;
}

/** What Doppler adds to every config: where it is, and no secret. */
const managed: ReadonlySet<string> = new Set([
  'DOPPLER_PROJECT',
  'DOPPLER_ENVIRONMENT',
  'DOPPLER_CONFIG',
]);

/** What a secret may be called (API reference, "Update secrets"). */
const possibleName = /^[A-Z_][A-Z0-9_]{0,199}$/;

/** The secrets of a config as they were read last. */
interface Known {
  readonly etag: string | undefined;
  readonly entries: ReadonlyMap<string, SecretRecord | SecretError>;
}

/**
 * The secrets of one Doppler config, with references between them resolved by Doppler. One request
 * answers every name, and one that has not changed is answered without its content (ETag). A write of
 * several names is one request, and unconditional: Doppler offers no way to tell that somebody else
 * wrote in between.
 *
 * @throws `ERR_SECRET_CONFIG` naming the option and variable that is missing or wrong
 * @example
 * ```ts
 * import { createSecrets } from '@keyfall/core';
 * import { dopplerFallbackProvider, dopplerProvider } from '@keyfall/provider-doppler';
 *
 * const fallbackFile = '.doppler-fallback';
 * const secrets = createSecrets({
 *   providers: [dopplerProvider({ fallbackFile }), dopplerFallbackProvider({ path: fallbackFile })],
 * });
 * ```
 */
export function dopplerProvider(given: DopplerProviderOptions = {}): SecretProvider {
  assertOptions(given, 'dopplerProvider');
  const options = textOptions(given, 'doppler');
  const { name = 'doppler', fallbackFile } = options;
  const wrong = (what: string, hint: string) =>
    new SecretError('ERR_SECRET_CONFIG', what, { provider: name, hint });
  if (fallbackFile === '' || fallbackFile?.includes('\0'))
    throw wrong('the option fallbackFile names no file', 'Leave it out, or name one.');
  // where it is read from must not change with the working directory
  const fallbackPath = fallbackFile && resolve(fallbackFile);
  const token = tokenOf(options, name);
  const project = options.project ?? process.env['DOPPLER_PROJECT'] ?? '';
  const config = options.config ?? process.env['DOPPLER_CONFIG'] ?? '';
  const address = options.address ?? 'https://api.doppler.com';
  const url = URL.canParse(address) ? new URL(address) : undefined;
  if (!url || !/^https?:$/.test(url.protocol) || `${url.origin}/` !== url.href)
    throw wrong(
      'the option address is no http or https URL, or has more in it than host and port',
      'Leave it out for Doppler itself.',
    );
  if (url.protocol === 'http:' && !/^(?:localhost|127(?:\.\d+){3}|\[::1\])$/.test(url.hostname))
    throw wrong(
      'the option address would send the token over plain http to another machine',
      'Use https.',
    );
  // a service token names its config itself; any other needs both
  if ((project === '') !== (config === ''))
    throw wrong(
      `the option ${project === '' ? 'project' : 'config'} (variable DOPPLER_${project === '' ? 'PROJECT' : 'CONFIG'}) is missing`,
      'Give both project and config, or a service token and none.',
    );
  const pollInterval = toMilliseconds(options.pollInterval ?? '1m', 'pollInterval');
  if (pollInterval < 1_000)
    throw wrong('the option pollInterval is less than a second', 'Doppler limits the rate.');

  const origin = url.origin;
  const what = project === '' ? "the service token's config" : `${project}/${config}`;
  const subject = project === '' ? 'the config of the service token' : `the config ${what}`;
  const missing =
    project === '' ? 'does not have the config of the service token' : `has no config ${what}`;
  const settings = { provider: name, origin, subject, token };
  const place = new URLSearchParams({ ...(project !== '' && { project, config }) });
  const download = `/v3/configs/config/secrets/download?${new URLSearchParams([
    ...place,
    ['format', 'json'],
  ])}`;
  let known: Known | undefined;
  /** How many requests went out, and which of them what is known answered. */
  let requests = 0;
  let knownBy = 0;

  /** @returns `undefined` if the config is not there */
  async function readConfig(given: CallBounds): Promise<Known['entries'] | undefined> {
    const before = known;
    let request = 0;
    const bounds: CallBounds = {
      ...given,
      sending() {
        requests += 1;
        request = requests;
        given.sending?.();
      },
    };
    const answer = await askDoppler(settings, { path: download, etag: before?.etag }, bounds);
    if (answer.kind === 'missing') return undefined;
    if (answer.kind === 'unchanged') {
      if (before) return before.entries;
      throw new SecretError('ERR_SECRET_INVALID', 'Doppler called unchanged what was not known', {
        provider: name,
      });
    }
    const read = entriesOf(answer.json, name);
    assertDoppler(answer.json as object, name);
    // one identity as long as nothing changes, whichever read it was that landed first
    const entries = known && isSame(known.entries, read) ? known.entries : read;
    // an answer to what was asked earlier is not kept in the place of a later one
    if (request > knownBy) {
      knownBy = request;
      known = { etag: answer.etag, entries };
    }
    return entries;
  }

  let keeping: Promise<void> = Promise.resolve();
  let written: Known['entries'] | undefined;
  /** Leaves the secrets for when Doppler cannot be asked. Its failure must not fail a read. */
  async function keepFallback(
    entries: Known['entries'],
    warn: (message: string) => void,
  ): Promise<void> {
    if (fallbackPath === undefined || written === entries || known?.entries !== entries) return;
    const passphrase = fallbackPassphrase({ ...options, token, project, config });
    try {
      const held = new Map<string, string>();
      for (const [key, entry] of entries) if ('value' in entry) held.set(key, entry.value);
      await writeFallbackFile(fallbackPath, held, passphrase);
      written = entries;
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code ?? 'no code';
      warn(`the fallback file ${fallbackFile} cannot be written (${code})`);
    }
  }

  return {
    name,
    store: `doppler ${origin === 'https://api.doppler.com' ? '' : `${origin} `}${what}`,
    place: { kind: 'doppler', address: origin, paths: [what] },
    atomicity: 'store',
    conditionalWrites: 'never',

    async read(_names, context): Promise<SecretBatch> {
      let stamp: number | undefined;
      const sending = () => {
        stamp = context.stamp?.();
      };
      const entries = await readConfig({ ...context, sending });
      const stamped = stamp === undefined ? {} : { stamp };
      if (entries === undefined)
        return {
          entries: new Map(),
          complete: true,
          ...stamped,
          missingDocument: { description: missing, optional: false },
        };
      // waited for: a name that Doppler has no more must not be answered from the file before
      keeping = keeping.then(() => keepFallback(entries, context.warn));
      await keeping;
      return { entries, complete: true, ...stamped };
    },

    async write({ entries, ifRevision }, context) {
      const unsupported = (why: string, hint: string, secretName?: string) =>
        new SecretError('ERR_SECRET_UNSUPPORTED', why, {
          provider: name,
          secretName,
          hint,
          applied: 'no',
        });
      if (ifRevision !== undefined)
        throw unsupported('Doppler has no conditional writes', 'Write without a revision.');
      const secrets: Record<string, string | null> = {};
      for (const [key, value] of entries) {
        if (!possibleName.test(key) || managed.has(key))
          throw unsupported(
            `${key} is no name that Doppler takes for a secret`,
            'Use upper-case letters, digits and underscores.',
            key,
          );
        if (value?.isWellFormed() === false)
          throw unsupported(`the value for ${key} holds half a character`, 'Use UTF-8.', key);
        // Doppler would put another secret in its place
        if (value?.includes('${'))
          throw unsupported(
            `the value for ${key} holds a reference to another secret, as Doppler reads it`,
            'Write it in the dashboard of Doppler.',
            key,
          );
        secrets[key] = value;
      }
      const path = `/v3/configs/config/secrets${place.size > 0 ? `?${place}` : ''}`;
      const answer = await askDoppler(
        settings,
        { path, body: JSON.stringify({ secrets }) },
        context,
      );
      if (answer.kind === 'missing')
        throw new SecretError('ERR_SECRET_NOT_FOUND', `Doppler ${missing}`, {
          provider: name,
          applied: 'no',
          hint: 'Check the options project and config.',
        });
      if (answer.kind !== 'ok')
        throw new SecretError('ERR_SECRET_INVALID', 'Doppler did not say that it wrote', {
          provider: name,
          applied: 'unknown',
        });
      return { conditional: false };
    },

    async check(context) {
      try {
        const entries = await readConfig(context);
        if (entries === undefined)
          return [
            {
              subject: 'config',
              state: 'failing',
              message: `Doppler ${missing}`,
              hint: 'Check the options project and config.',
              code: 'config-missing',
            },
          ];
        const message = `${subject} holds ${entries.size} ${entries.size === 1 ? 'name' : 'names'}`;
        return [{ subject: 'config', state: 'ready', message }];
      } catch (error) {
        if (!isSecretError(error)) throw error;
        return [failedCheck('config', error)];
      }
    },

    // the same entries are the same object as long as nothing changes
    watch: (onChange, signal) =>
      pollForChanges(readConfig, onChange, signal, { provider: name, interval: pollInterval }),

    async close() {
      // so that a program that ends leaves the file behind whole
      await keeping;
    },
  };
}

/**
 * The options as they are.
 *
 * @throws `ERR_SECRET_CONFIG` for one that is no text where text is meant: a program in plain
 *   JavaScript may hand over anything
 */
export function textOptions<Options extends object>(options: Options, provider: string): Options {
  for (const [option, value] of Object.entries(options))
    if (option !== 'pollInterval' && value !== undefined && typeof value !== 'string')
      throw new SecretError('ERR_SECRET_CONFIG', `the option ${option} is no text`, {
        provider,
        hint: 'Give it as text, or leave it out.',
      });
  return options;
}

/**
 * Takes for Doppler's what has its own names in it, or else at least nothing but names of secrets.
 * Another server's JSON would read as a config in which every name is missing.
 */
function assertDoppler(json: object, provider: string): void {
  const names = Object.keys(json);
  if (names.some((name) => managed.has(name))) return;
  if (names.length > 0 && names.every((name) => possibleName.test(name))) return;
  throw new SecretError('ERR_SECRET_INVALID', 'what answered holds no config of Doppler', {
    provider,
    hint: 'Something else than Doppler may answer at the address.',
  });
}

function isSame(one: Known['entries'], other: Known['entries']): boolean {
  const textOf = (entry: SecretRecord | SecretError | undefined) =>
    entry && ('value' in entry ? `=${entry.value}` : entry.code);
  return (
    one.size === other.size &&
    [...one].every(([name, entry]) => textOf(entry) === textOf(other.get(name)))
  );
}

/**
 * The token of an option or of `DOPPLER_TOKEN`.
 *
 * @throws `ERR_SECRET_CONFIG` if there is none, or it cannot be one: then it is never sent
 */
export function tokenOf({ token }: { readonly token?: string }, provider: string): string {
  const found = (token ?? process.env['DOPPLER_TOKEN'] ?? '').trim();
  if (/^[\x21-\x7e]+$/.test(found)) return found;
  const where = token === undefined ? 'the variable DOPPLER_TOKEN' : 'the option token';
  throw new SecretError(
    'ERR_SECRET_CONFIG',
    found === ''
      ? 'there is no token: the option token and the variable DOPPLER_TOKEN are both missing'
      : `the token of ${where} has a character that no token has, and was not sent`,
    { provider, hint: "Make a service token for the config in Doppler's dashboard." },
  );
}

/** The secrets in a JSON object of texts, without what Doppler adds. */
export function entriesOf(
  json: unknown,
  provider: string,
): Map<string, SecretRecord | SecretError> {
  if (typeof json !== 'object' || json === null || Array.isArray(json))
    throw new SecretError('ERR_SECRET_INVALID', 'what was read is no JSON object of Doppler', {
      provider,
    });
  const entries = new Map<string, SecretRecord | SecretError>();
  for (const [secretName, value] of Object.entries(json)) {
    if (managed.has(secretName)) continue;
    if (typeof value === 'string') entries.set(secretName, { value });
    else if (value === null)
      entries.set(
        secretName,
        new SecretError('ERR_SECRET_DENIED', `${secretName} is restricted`, {
          provider,
          secretName,
          hint: 'Only a service token may read a restricted secret.',
        }),
      );
    else
      entries.set(
        secretName,
        new SecretError('ERR_SECRET_INVALID', `${secretName} is no text`, { provider, secretName }),
      );
  }
  return entries;
}
