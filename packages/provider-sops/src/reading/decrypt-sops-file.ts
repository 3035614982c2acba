/**
 * A whole file at once, for a program that needs its document and no chain.
 */
import { assertOptions, type OptionKinds, SecretError } from '@keyfall/core/provider';
import type { SopsValue } from '../formats/names.ts';
import {
  fileOptions,
  keyOptions,
  loadedSource,
  type SopsFileOptions,
  type SopsKeyOptions,
  unloadedSource,
} from './sops-source.ts';

/** Options of {@link decryptSopsFile}. */
export interface DecryptSopsFileOptions extends Omit<SopsFileOptions, 'separator'>, SopsKeyOptions {
  /** Ends the call. */
  readonly signal?: AbortSignal | undefined;
}

const { separator: _, ...formatOption } = fileOptions;
const optionKinds: OptionKinds<DecryptSopsFileOptions> = {
  ...formatOption,
  ...keyOptions,
  signal: 'an AbortSignal',
};

/**
 * The whole document of a file, nested, as `sops -d` gives it, without comments. Whole numbers beyond
 * 2⁵³ are bigints, times are text. Objects have no prototype.
 *
 * @throws `ERR_SECRET_CONFIG` if there is no such file or no key; `ERR_SECRET_UNAUTHENTICATED` if no key
 *   opens it; `ERR_SECRET_INVALID` where sops refuses it; and as `sopsProvider` else
 * @example
 * ```ts
 * import { decryptSopsFile } from '@keyfall/provider-sops';
 *
 * const config = await decryptSopsFile('secrets.enc.yaml', { ageKeyFile: 'keys.txt' });
 * ```
 */
export async function decryptSopsFile(
  path: string,
  options: DecryptSopsFileOptions = {},
): Promise<{ readonly [name: string]: SopsValue }> {
  assertOptions(options, 'decryptSopsFile', optionKinds);
  const { openTree } = await import('./open-tree.ts');
  const { documentOf } = await import('../formats/names.ts');
  const source = await loadedSource(unloadedSource(path, 'sops', options));
  const opened = await openTree(source, options.signal ?? new AbortController().signal);
  if (opened === undefined)
    throw new SecretError('ERR_SECRET_CONFIG', `${path} does not exist`, { provider: 'sops' });
  return documentOf(opened.tree);
}
