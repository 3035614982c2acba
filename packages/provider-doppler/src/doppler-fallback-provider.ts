/**
 * The encrypted file that `dopplerProvider` or Doppler's own CLI left behind, as a provider of its own:
 * that Doppler cannot be asked is the chain's to notice, and to tell.
 */
import { SecretError, type SecretErrorCode, type SecretProvider } from '@keyfall/core';
import { entriesOf, textOptions, tokenOf } from './doppler-provider.ts';
import { FallbackFileError, fallbackPassphrase, readFallbackFile } from './fallback-file.ts';

/** Options of {@link dopplerFallbackProvider}. */
export interface DopplerFallbackProviderOptions {
  /** The file: `fallbackFile` of `dopplerProvider`, or `--fallback` of Doppler's CLI. */
  readonly path: string;
  /** The token that the file was written with. Variable `DOPPLER_TOKEN`. Not needed with a passphrase. */
  readonly token?: string;
  /** As when it was written. Variable `DOPPLER_PROJECT`. */
  readonly project?: string;
  /** As when it was written. Variable `DOPPLER_CONFIG`. */
  readonly config?: string;
  /** What the file is encrypted with. Variable `DOPPLER_PASSPHRASE`; default as Doppler's own CLI. */
  readonly passphrase?: string;
  /** Unique in the chain. Default `doppler-fallback`. */
  readonly name?: string;
}

/**
 * What a config held when it was read last, read-only, from an encrypted file. Put it behind
 * `dopplerProvider`.
 *
 * @throws `ERR_SECRET_CONFIG` naming the option, unless there is a path, and a token or a passphrase
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
export function dopplerFallbackProvider(given: DopplerFallbackProviderOptions): SecretProvider {
  const options = textOptions(given, 'doppler-fallback');
  const { path, name = 'doppler-fallback' } = options;
  if (typeof path !== 'string' || path === '')
    throw new SecretError('ERR_SECRET_CONFIG', 'the option path is missing', {
      provider: name,
      hint: 'Name the file that the option fallbackFile of dopplerProvider names.',
    });
  const project = options.project ?? process.env['DOPPLER_PROJECT'] ?? '';
  const config = options.config ?? process.env['DOPPLER_CONFIG'] ?? '';
  const own = options.passphrase ?? process.env['DOPPLER_PASSPHRASE'];
  const token = own ? '' : tokenOf(options, name);
  const passphrase = fallbackPassphrase({ ...options, token, project, config });
  const problem = (code: SecretErrorCode, what: string, hint?: string) =>
    new SecretError(code, `${path} ${what}`, { provider: name, hint });
  return {
    name,
    store: `doppler-fallback ${path}`,
    async read() {
      try {
        const entries = entriesOf(await readFallbackFile(path, passphrase), name);
        return { entries, complete: true };
      } catch (error) {
        if (error instanceof SecretError) throw error;
        if (error instanceof FallbackFileError)
          throw problem(
            'ERR_SECRET_INVALID',
            error.message,
            'Delete it: the next read from Doppler writes it anew.',
          );
        const code = (error as NodeJS.ErrnoException).code ?? 'no code';
        if (code === 'ENOENT')
          return {
            entries: new Map(),
            complete: true,
            missingDocument: { description: `has no file ${path} yet`, optional: true },
          };
        if (code === 'EACCES' || code === 'EPERM')
          throw problem('ERR_SECRET_DENIED', `may not be read (${code})`);
        if (code === 'EISDIR' || code === 'ENOTDIR')
          throw problem('ERR_SECRET_CONFIG', `is no file (${code})`, 'Check the option path.');
        throw problem('ERR_SECRET_UNAVAILABLE', `cannot be read (${code})`);
      }
    },
  };
}
