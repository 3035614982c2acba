/**
 * The formats of sops behind one interface. Each reads a text into a tree with positions, and turns a change into pieces
 * of text to replace, so that everything else stays as it is to the byte.
 */
import { type AgeKey, type FieldOf, type RawMetadata, rawMetadata } from '../tree/sops-metadata.ts';
import {
  type Branch,
  InvalidSops,
  type Leaf,
  type Node,
  type Pair,
  pairsOf,
  type Scalar,
  type Span,
} from '../tree/sops-tree.ts';

/** A parsed file. */
export interface ParsedFile {
  readonly text: string;
  /** The documents, without sops's own names: one, or several in YAML. */
  readonly roots: readonly Branch[];
  /** `undefined`: the file is not encrypted by sops. */
  readonly metadata: RawMetadata | undefined;
  /** The fields of the metadata, in every document; in a flat format under their flat names. */
  readonly fields: readonly Pair[];
  /** The position of sops's own names in each document: new names are added before them. */
  readonly sops: readonly (Span | undefined)[];
}

/** A piece of text to put in the place of another. */
export interface Splice extends Span {
  readonly text: string;
}

/** New names, nested, with the values as they are written to the file. */
export type Additions = ReadonlyMap<string, Scalar | Additions>;

export interface SopsFormat {
  readonly name: 'yaml' | 'json' | 'dotenv' | 'ini' | 'binary';
  /** Whether branches can hold branches, as in YAML and JSON. */
  readonly nested: boolean;
  /** @throws `InvalidSops` if sops cannot read it either */
  parse(text: string): ParsedFile;
  /** Replaces a leaf, or a whole value, by `stored`. */
  replace(file: ParsedFile, node: Node, stored: Scalar): Splice;
  /** Adds names at the end of a branch. */
  add(file: ParsedFile, branch: Branch, additions: Additions): Splice;
  /** Takes a pair out of its branch. */
  remove(file: ParsedFile, branch: Branch, pair: Pair): Splice;
  /** Puts these in the place of the age keys in the metadata, which must have some. */
  shareWith(file: ParsedFile, age: readonly AgeKey[]): readonly Splice[];
  /** A new file that holds only the metadata. */
  empty(metadata: EmptyMetadata): string;
}

/** The metadata of a new file, without its MAC. */
export interface EmptyMetadata {
  readonly age: readonly AgeKey[];
  readonly rule: readonly [name: string, value: string];
  /** The value of the field that marks a snapshot. */
  readonly mark?: string | undefined;
}

/** The version of sops in a new file. */
export const formatVersion = '3.11.0';
/** Stands for the time of the last change until the file is signed. */
export const noTime = '2000-01-01T00:00:00Z';

/** Whether what is to be added is a branch. */
export function isAdditions(value: Scalar | Additions): value is Additions {
  return value instanceof Map;
}

/**
 * The file of documents that have their metadata as a branch `sops`.
 *
 * @throws `InvalidSops` if a document has two of them
 */
export function withoutMetadata(
  text: string,
  documents: readonly Branch[],
  fieldOf: FieldOf,
): ParsedFile {
  const sops = documents.map(metadataPair);
  const roots = documents.map((document, index) => ({
    ...document,
    items: document.items.filter((item) => item !== sops[index]),
  }));
  const fields = sops.flatMap((own) => (own?.value.kind === 'branch' ? pairsOf(own.value) : []));
  const metadata = sops[0] && rawMetadata(sops[0].value, fieldOf);
  return { text, roots, metadata, fields, sops };
}

/** The pair of a document with its metadata, or the section. */
export function metadataPair(document: Branch): Pair | undefined {
  const [own, ...others] = pairsOf(document).filter(({ key }) => key === 'sops');
  if (others.length > 0) throw new InvalidSops('has its metadata twice');
  return own;
}

/** The values of a field of the metadata, one in each document. */
export function valuesOfField({ fields }: ParsedFile, name: string): Leaf[] {
  return fields.flatMap(({ key, value }) => (key === name && value.kind === 'leaf' ? [value] : []));
}

/** Takes a pair out of those between two braces, with one of the commas beside it. */
export function removedFrom(pairs: readonly Span[], { start, end }: Span): Splice {
  const sorted = [...pairs].sort((a, b) => a.start - b.start);
  const index = sorted.findIndex((pair) => pair.start === start);
  const after = sorted[index + 1];
  if (after !== undefined) return { start, end: after.start, text: '' };
  return { start: sorted[index - 1]?.end ?? start, end, text: '' };
}

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
