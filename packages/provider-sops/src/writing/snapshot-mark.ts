/**
 * How a snapshot is told from every other encrypted file: a mark in the metadata that names the MAC it
 * was written with. What changes the file gives it another MAC, and sops leaves the mark out: either
 * way it is a snapshot no longer, since it may now hold what is held nowhere else.
 */
import { createHash, randomBytes } from 'node:crypto';
import { isSecretError } from '@keyfall/core';
import { decodeText } from '@keyfall/core/provider/files';
import { namesOf } from '../formats/names.ts';
import type { ParsedFile } from '../formats/sops-format.ts';
import type { SopsSource } from '../reading/open-sops.ts';
import { asItStands } from '../reading/sops-binary.ts';
import { markField } from '../tree/sops-metadata.ts';
import { InvalidSops } from '../tree/sops-tree.ts';

/** What stands where a file is about to be written. */
export interface FoundFile {
  /**
   * `snapshot`: what `encryptSopsFile` wrote with `asSnapshot`, as it wrote it; `sops`: another file that
   * is encrypted by sops, or a snapshot that was changed since; `other`: anything else.
   */
  readonly kind: 'snapshot' | 'sops' | 'other';
  /** The names in an encrypted file, where they stand in plain text. */
  readonly names: readonly string[];
}

/** What stands in the mark's place until there is a MAC: the same length, and in no other text. */
export function placeholder(): string {
  return `mac-${randomBytes(16).toString('hex')}`;
}

/** The text with its mark, which the MAC does not cover, in the placeholder's place. */
export function marked({ format }: SopsSource, text: string, placeholder: string): string {
  return text.replace(placeholder, markOf(format.parse(text)));
}

/** What stands there, by what can be seen of it without a key. */
export function foundIn(source: SopsSource, bytes: Uint8Array): FoundFile {
  const file = parsed(source, bytes);
  if (file?.metadata === undefined) return { kind: 'other', names: [] };
  const names = [...namesOf(asItStands(file.roots), source).keys()];
  const isSnapshot = file.metadata.get(markField) === markOf(file);
  return { kind: isSnapshot ? 'snapshot' : 'sops', names };
}

function parsed(source: SopsSource, bytes: Uint8Array): ParsedFile | undefined {
  try {
    return source.format.parse(decodeText(source, Buffer.from(bytes)));
  } catch (error) {
    // what is no text, or nested without end, is nothing of sops's either
    if (error instanceof InvalidSops || error instanceof RangeError || isSecretError(error))
      return undefined;
    throw error;
  }
}

function markOf({ metadata }: ParsedFile): string {
  const mac = String(metadata?.get('mac'));
  return `mac-${createHash('sha256').update(mac).digest('hex').slice(0, 32)}`;
}
