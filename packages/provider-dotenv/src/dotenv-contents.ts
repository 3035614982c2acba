/**
 * What the files of one provider hold at one moment.
 */
import { SecretError } from '@keyfall/core';
import { decodeText, problem, readBytes, type StoreFile } from '@keyfall/core/files';
import { loadParse, type Values } from './parse-dotenv.ts';

/** Larger files are refused: no `.env` is so large, and a log or an image named by mistake is. Bytes. */
export const sizeLimit: number = 8 * 1024 * 1024;

/** A file of the provider, and whether it may be missing. */
export interface Source extends StoreFile {
  readonly required: boolean;
}

/** What one file holds. */
export interface Content {
  readonly bytes: Buffer;
  readonly text: string;
  readonly values: Values;
}

export async function readContents(
  sources: readonly Source[],
  provider: string,
  signal: AbortSignal,
): Promise<(Content | undefined)[]> {
  const contents: (Content | undefined)[] = [];
  for (const source of sources) {
    if (signal.aborted)
      throw new SecretError('ERR_SECRET_ABORTED', 'the call was aborted', { provider });
    const bytes = await readBytes(source, sizeLimit);
    if (bytes !== undefined) {
      const text = decodeText(source, bytes);
      if (text.includes('\0'))
        throw problem(source, 'ERR_SECRET_INVALID', 'holds zero bytes', 'Save it as UTF-8.');
      const parse = await loadParse();
      contents.push({ bytes, text, values: parse(text) });
    } else if (source.required)
      throw problem(
        source,
        'ERR_SECRET_CONFIG',
        'does not exist, and must',
        'Create it, or correct the path.',
      );
    else contents.push(undefined);
  }
  return contents;
}

/** The values of all files together; later files win. */
export function merged(contents: readonly (Content | undefined)[]): Values {
  const [first = new Map(), ...others] = contents.flatMap((content) => content?.values ?? []);
  if (others.length === 0) return first;
  return new Map([first, ...others].flatMap((values) => [...values]));
}

export function shownIn(sources: readonly Source[]): string {
  return sources.map(({ shown }) => shown).join(', ');
}
