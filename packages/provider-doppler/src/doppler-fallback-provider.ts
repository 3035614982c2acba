/**
 * The encrypted file that `dopplerProvider` or Doppler's own CLI has written, as a provider of its own: so it is the
 * chain that notices an outage of Doppler, and reports it.
 */
import { resolve } from 'node:path';
import {
  assertOptions,
  lazySettings,
  type OptionKinds,
  SecretError,
  type SecretProvider,
  type SecretSetting,
  unconfiguredProvider,
} from '@keyfall/core/provider';
import { problem, readBytes, type StoreFile } from '@keyfall/core/provider/files';
import { entriesOf } from './config-entries.ts';
import { tokenOf, withVariables } from './doppler-settings.ts';
import { FallbackFileError, fallbackPassphrase, openFallback } from './fallback-file.ts';

/** Larger files are refused: no config is so large. Bytes. */
const sizeLimit = 32 * 1024 * 1024;

/** Options of {@link dopplerFallbackProvider}. */
export interface DopplerFallbackProviderOptions {
  /** The file: `fallbackFile` of `dopplerProvider`, or `--fallback` of Doppler's CLI. */
  readonly path: string | undefined;
  /** The token that the file was written with. Variable `DOPPLER_TOKEN`. Not needed with a passphrase. */
  readonly token?: string | undefined;
  /** As when it was written. Variable `DOPPLER_PROJECT`. */
  readonly project?: string | undefined;
  /** As when it was written. Variable `DOPPLER_CONFIG`. */
  readonly config?: string | undefined;
  /** What the file is encrypted with. Variable `DOPPLER_PASSPHRASE`; default as Doppler's own CLI. */
  readonly passphrase?: string | undefined;
  /** Unique in the chain. Default `doppler-fallback`. */
  readonly name?: string | undefined;
}

const optionKinds: OptionKinds<DopplerFallbackProviderOptions> = {
  path: 'text',
  token: 'text',
  project: 'text',
  config: 'text',
  passphrase: 'text',
  name: 'text',
};

/**
 * What a config held when it was read last, from an encrypted file, read-only. Put it after
 * `dopplerProvider`.
 *
 * @throws `ERR_SECRET_CONFIG` naming the option that is wrong. What is missing, a path, or a token and a passphrase, is
 *   that at the first call
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
export function dopplerFallbackProvider(options: DopplerFallbackProviderOptions): SecretProvider {
  assertOptions(options, 'dopplerFallbackProvider', optionKinds);
  const { path, name = 'doppler-fallback' } = options;
  const configError = (what: string, setting: SecretSetting) =>
    new SecretError('ERR_SECRET_CONFIG', `the option path ${what}`, {
      provider: name,
      setting,
      hint: 'Use the path that is the option fallbackFile of dopplerProvider.',
    });
  if (path === undefined)
    return unconfiguredProvider(
      'doppler-fallback',
      configError('is missing', { option: 'path', isMissing: true }),
    );
  if (path === '' || path.includes('\0'))
    throw configError('does not name a file', { option: 'path' });
  if (options.token?.trim()) tokenOf(options, name);
  // where it is read from must not change with the working directory
  const file: StoreFile = { path: resolve(path), shown: path, provider: name };
  const settings = lazySettings(() => {
    const given = withVariables(options);
    const token = given.passphrase ? '' : tokenOf(options, name);
    return { passphrase: fallbackPassphrase({ ...given, token }) };
  });
  return {
    name,
    store: path,
    place: { kind: 'doppler-fallback', files: [file.path] },
    async read() {
      const { passphrase } = settings();
      const content = await readBytes(file, sizeLimit);
      if (content === undefined)
        return {
          entries: new Map(),
          complete: true,
          missingDocument: { description: `has no file ${path} yet`, optional: true },
        };
      try {
        const entries = entriesOf(await openFallback(content, passphrase), name);
        return { entries, complete: true };
      } catch (error) {
        if (!(error instanceof FallbackFileError)) throw error;
        throw problem(
          file,
          'ERR_SECRET_INVALID',
          error.message,
          'Delete it: the next read from Doppler writes a new one.',
        );
      }
    },
  };
}
