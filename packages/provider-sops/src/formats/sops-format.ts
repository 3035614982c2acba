/**
 * The four formats of sops behind one interface: each reads a text into a tree that knows where
 * everything stands, and answers a change with the pieces of text to replace, so that whatever is not
 * changed stays as it is to the byte.
 */
import type { RawMetadata } from '../tree/sops-metadata.ts';
import type { Branch, Leaf, Node, Pair, Scalar, Span } from '../tree/sops-tree.ts';

/** A file's text, read. */
export interface ParsedFile {
  readonly text: string;
  /** The documents, without sops's own names: one, but YAML may hold several. */
  readonly roots: readonly Branch[];
  /** `undefined`: the file is not sops's. */
  readonly metadata: RawMetadata | undefined;
  /** Where the MAC and the time of the last change stand, in every document. */
  readonly stamps: { readonly mac: readonly Leaf[]; readonly lastmodified: readonly Leaf[] };
  /** Where sops's own names stand in each document, for what is added before them. */
  readonly sops: readonly (Span | undefined)[];
}

/** A piece of text to put in the place of another. */
export interface Splice extends Span {
  readonly text: string;
}

/** Names to add below each other, and values as they are to stand there. */
export type Additions = ReadonlyMap<string, Scalar | Additions>;

export interface SopsFormat {
  readonly name: 'yaml' | 'json' | 'dotenv' | 'ini' | 'binary';
  /** Whether branches may hold branches: YAML and JSON. */
  readonly nested: boolean;
  /** @throws `InvalidSops` if sops could not read it either */
  parse(text: string): ParsedFile;
  /** Puts `stored` in the place of a leaf, or of a whole value. */
  replace(file: ParsedFile, node: Node, stored: Scalar): Splice;
  /** Adds names at the end of a branch. */
  add(file: ParsedFile, branch: Branch, additions: Additions): Splice;
  /** Takes a pair out of its branch. */
  remove(file: ParsedFile, branch: Branch, pair: Pair): Splice;
  /** A whole file that holds nothing yet but the metadata. */
  empty(metadata: EmptyMetadata): string;
}

/** What a new file says of itself; the MAC is put in later. */
export interface EmptyMetadata {
  readonly age: readonly { readonly recipient: string; readonly enc: string }[];
  readonly rule: readonly [name: string, value: string];
  /** By which a snapshot is known: the field's value. */
  readonly mark?: string | undefined;
}

/** The version of sops whose format a new file has. */
export const formatVersion = '3.11.0';
/** In the place of the time of the last change until there is one. */
export const noTime = '2000-01-01T00:00:00Z';

/** Applies splices that do not overlap. */
export function spliced(text: string, splices: readonly Splice[]): string {
  let result = '';
  let at = 0;
  for (const splice of [...splices].sort((a, b) => a.start - b.start)) {
    result += text.slice(at, splice.start) + splice.text;
    at = splice.end;
  }
  return result + text.slice(at);
}
