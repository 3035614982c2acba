/**
 * The files of one provider.
 */
import type { StoreFile } from '@keyfall/core/provider/files';

/** A file of the provider, and whether it may be missing. */
export interface DotenvFile extends StoreFile {
  readonly required: boolean;
}

export function shownIn(sources: readonly DotenvFile[]): string {
  return sources.map(({ shown }) => shown).join(', ');
}
