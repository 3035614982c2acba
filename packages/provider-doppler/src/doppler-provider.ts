/**
 * A config of Doppler as a bag of secrets.
 */
import { resolve } from 'node:path';
import {
  assertOptions,
  type Duration,
  failedCheck,
  isSecretError,
  lazySettings,
  type OptionKinds,
  pollForChanges,
  type SecretBatch,
  SecretError,
  type SecretProvider,
  type SecretSetting,
  toMilliseconds,
} from '@keyfall/core/provider';
import {
  assertConfig,
  type ConfigEntries,
  entriesOf,
  isSameConfig,
  managedNames,
  possibleName,
} from './config-entries.ts';
import { askDoppler, type CallLimits } from './doppler-api.ts';
import { tokenOf, withVariables } from './doppler-settings.ts';
import { fallbackPassphrase, writeFallbackFile } from './fallback-file.ts';

/** Options of {@link dopplerProvider}. */
export interface DopplerProviderOptions {
  /** A service token, or another token together with `project` and `config`. Variable `DOPPLER_TOKEN`. */
  readonly token?: string | undefined;
  /** Variable `DOPPLER_PROJECT`. A service token has its own. */
  readonly project?: string | undefined;
  /** Variable `DOPPLER_CONFIG`. A service token has its own. */
  readonly config?: string | undefined;
  /**
   * An encrypted file that each read updates, for {@link dopplerFallbackProvider} to read when Doppler
   * cannot be asked. Default: none.
   */
  readonly fallbackFile?: string | undefined;
  /** What the file is encrypted with. Variable `DOPPLER_PASSPHRASE`; default as Doppler's own CLI. */
  readonly passphrase?: string | undefined;
  /** How often `watch` asks whether something changed. Default `'1m'`, at least a second. */
  readonly pollInterval?: Duration | undefined;
  /** The API. Default `https://api.doppler.com`. */
  readonly address?: string | undefined;
  /** Unique in the chain. Default `doppler`. */
  readonly name?: string | undefined;
}

/** The config as it was read last. */
interface Known {
  readonly etag: string | undefined;
  readonly entries: ConfigEntries;
}

const optionKinds: OptionKinds<DopplerProviderOptions> = {
  token: 'text',
  project: 'text',
  config: 'text',
  fallbackFile: 'text',
  passphrase: 'text',
  pollInterval: 'anything',
  address: 'text',
  name: 'text',
};

/**
 * The secrets of one Doppler config, with references between them resolved by Doppler. One request
 * answers every name, and an unchanged config is answered without its content (ETag). A write of
 * several names is one request, and unconditional: Doppler offers no way to notice another
 * writer in between.
 *
 * @throws `ERR_SECRET_CONFIG` naming the option that is wrong. What is missing, or wrong in a variable, is that at the
 *   first call
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
export function dopplerProvider(options: DopplerProviderOptions = {}): SecretProvider {
  assertOptions(options, 'dopplerProvider', optionKinds);
  const { name = 'doppler', fallbackFile } = options;
  const configError = (
    option: keyof DopplerProviderOptions,
    what: string,
    hint: string,
    setting: SecretSetting = { option },
  ) =>
    new SecretError('ERR_SECRET_CONFIG', `the option ${option} ${what}`, {
      provider: name,
      setting,
      hint,
    });
  if (fallbackFile === '' || fallbackFile?.includes('\0'))
    throw configError('fallbackFile', 'does not name a file', 'Name a file, or leave it out.');
  // where it is read from must not change with the working directory
  const fallbackPath = fallbackFile && resolve(fallbackFile);
  // what is wrong whatever the environment holds is refused here
  if (options.token?.trim()) tokenOf(options, name);
  const address = options.address ?? 'https://api.doppler.com';
  const url = URL.canParse(address) ? new URL(address) : undefined;
  if (!url || !/^https?:$/.test(url.protocol) || `${url.origin}/` !== url.href)
    throw configError(
      'address',
      'is not an http or https URL of a host and a port alone',
      'Leave it out for Doppler itself.',
    );
  if (url.protocol === 'http:' && !/^(?:localhost|127(?:\.\d+){3}|\[::1\])$/.test(url.hostname))
    throw configError(
      'address',
      'would send the token over plain http to another machine',
      'Use https.',
    );
  const pollInterval = toMilliseconds(options.pollInterval ?? '1m', 'pollInterval');
  if (pollInterval < 1_000)
    throw configError(
      'pollInterval',
      'is less than a second',
      'Use at least a second: Doppler limits the rate of requests.',
    );

  const { origin } = url;
  const settings = lazySettings(() => {
    const given = { ...withVariables(options), token: tokenOf(options, name) };
    const { project, config } = given;
    // a service token names its config itself; any other token needs both
    if ((project === '') !== (config === '')) {
      const option = project === '' ? 'project' : 'config';
      const variable = `DOPPLER_${option.toUpperCase()}`;
      throw configError(
        option,
        `(variable ${variable}) is missing`,
        'Set both project and config; or use a service token, and set neither.',
        { option, variable, isMissing: true },
      );
    }
    const isOfToken = project === '';
    const place = isOfToken ? "the service token's config" : `${project}/${config}`;
    const subject = isOfToken ? 'the config of the service token' : `the config ${place}`;
    const parameters = isOfToken ? [] : Object.entries({ project, config });
    return {
      ...given,
      api: { provider: name, origin, subject, token: given.token },
      place,
      subject,
      missing: isOfToken
        ? 'does not have the config of the service token'
        : `has no config ${place}`,
      parameters,
    };
  });
  const pathTo = (resource: string, ...more: readonly [string, string][]) => {
    const query = new URLSearchParams([...settings().parameters, ...more]);
    return `/v3/configs/config/${resource}${query.size > 0 ? `?${query}` : ''}`;
  };
  let known: Known | undefined;
  /** How many requests went out, and which of them `known` answers. */
  let requests = 0;
  let knownBy = 0;

  /** @returns `undefined` if the config does not exist */
  async function readConfig(given: CallLimits): Promise<ConfigEntries | undefined> {
    const before = known;
    let request = 0;
    const bounds: CallLimits = {
      ...given,
      sending() {
        requests += 1;
        request = requests;
        given.sending?.();
      },
    };
    const path = pathTo('secrets/download', ['format', 'json']);
    const answer = await askDoppler(settings().api, { path, etag: before?.etag }, bounds);
    if (answer.kind === 'missing') return undefined;
    if (answer.kind === 'unchanged') {
      if (before) return before.entries;
      throw new SecretError(
        'ERR_SECRET_INVALID',
        'Doppler said that nothing has changed, although nothing was known',
        {
          provider: name,
        },
      );
    }
    const read = entriesOf(answer.json, name);
    assertConfig(answer.json as object, name);
    // the same object as long as nothing changes, whichever read was answered first
    const entries = known && isSameConfig(known.entries, read) ? known.entries : read;
    // the answer to an earlier request does not replace that to a later one
    if (request > knownBy) {
      knownBy = request;
      known = { etag: answer.etag, entries };
    }
    return entries;
  }

  let keeping: Promise<void> = Promise.resolve();
  let written: ConfigEntries | undefined;
  /** Keeps the secrets for when Doppler cannot be asked. A failure of this must not fail a read. */
  async function keepFallback(
    entries: ConfigEntries,
    warn: (message: string) => void,
  ): Promise<void> {
    if (fallbackPath === undefined || written === entries || known?.entries !== entries) return;
    const passphrase = fallbackPassphrase(settings());
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
    get store() {
      const shown = origin === 'https://api.doppler.com' ? '' : `${origin} `;
      return `${shown}${settings.known?.place ?? 'not configured'}`;
    },
    get place() {
      const place = settings.known?.place;
      return { kind: 'doppler', ...(place !== undefined && { address: origin, paths: [place] }) };
    },
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
          missingDocument: { description: settings().missing, optional: false },
        };
      // the read waits for it: a name that was deleted in Doppler must not be answered from the old file
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
        throw unsupported('Doppler has no conditional writes', 'Write it without a revision.');
      const secrets: Record<string, string | null> = {};
      for (const [key, value] of entries) {
        if (!possibleName.test(key) || managedNames.has(key))
          throw unsupported(
            `${key} is not a name that Doppler allows for a secret`,
            'Use upper-case letters, digits and underscores.',
            key,
          );
        if (value?.isWellFormed() === false)
          throw unsupported(`the value of ${key} holds half a character`, 'Use UTF-8.', key);
        // Doppler would replace it by another secret
        if (value?.includes('${'))
          throw unsupported(
            `the value of ${key} would be read by Doppler as a reference to another secret`,
            "Write it in Doppler's dashboard.",
            key,
          );
        secrets[key] = value;
      }
      const { api, missing } = settings();
      const path = pathTo('secrets');
      const answer = await askDoppler(api, { path, body: JSON.stringify({ secrets }) }, context);
      if (answer.kind === 'missing')
        throw new SecretError('ERR_SECRET_NOT_FOUND', `Doppler ${missing}`, {
          provider: name,
          applied: 'no',
          hint: 'Check the options project and config.',
        });
      if (answer.kind !== 'ok')
        throw new SecretError('ERR_SECRET_INVALID', 'Doppler did not confirm the write', {
          provider: name,
          applied: 'unknown',
        });
      return { conditional: false };
    },

    async check(context) {
      try {
        const entries = await readConfig(context);
        const { subject, missing } = settings();
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

    // entries are the same object as long as nothing changes
    watch: (onChange, signal) =>
      pollForChanges(readConfig, onChange, signal, { provider: name, interval: pollInterval }),

    async close() {
      // so that a program that ends leaves the file complete
      await keeping;
    },
  };
}
