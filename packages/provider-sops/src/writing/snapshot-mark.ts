/**
 * The mark in the metadata that makes a file a snapshot: a hash of the MAC with which it was written. A change gives the
 * file another MAC, and sops drops the mark. In both cases it is a snapshot no longer, since it may now hold the only copy
 * of a value.
 */
import { createHash, randomBytes } from 'node:crypto';
import { isSecretError } from '@keyfall/core/provider';
import { decodeText } from '@keyfall/core/provider/files';
import { namesOf } from '../formats/names.ts';
import type { ParsedFile } from '../formats/sops-format.ts';
import type { SopsSource } from '../reading/open-sops.ts';
import { asItStands } from '../reading/sops-binary.ts';
import { markField } from '../tree/sops-metadata.ts';
import { InvalidSops } from '../tree/sops-tree.ts';

/** The file that would be replaced. */
export interface FoundFile {
  /**
   * `snapshot`: written by `encryptSopsFile` with `asSnapshot`, and not changed since; `sops`: any other file that is
   * encrypted by sops; `other`: anything else.
   */
  readonly kind: 'snapshot' | 'sops' | 'other';
  /** The names in an encrypted file, where they are in plain text. */
  readonly names: readonly string[];
}

/** Stands in the mark's place until the MAC is known: of the same length, and in no other text. */
export function placeholder(): string {
  return `mac-${randomBytes(16).toString('hex')}`;
}

/** The text with the mark in place of the placeholder. The MAC does not cover the mark. */
export function marked({ format }: SopsSource, text: string, placeholder: string): string {
  return text.replace(placeholder, markOf(format.parse(text)));
}

/** The kind of a file, as far as it is known without a key. */
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
    // what is not text, or is nested too deeply, is not a file of sops
    if (error instanceof InvalidSops || error instanceof RangeError || isSecretError(error))
      return undefined;
    throw error;
  }
}

function markOf({ metadata }: ParsedFile): string {
  const mac = String(metadata?.get('mac'));
  return `mac-${createHash('sha256').update(mac).digest('hex').slice(0, 32)}`;
}
