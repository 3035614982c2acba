/**
 * A file as sops sees it, common to YAML, JSON, dotenv and ini (sops.go, `TreeBranch`). Order matters, since the MAC is
 * computed over the values in this order. A name may occur twice. Comments are part of the tree, since rules may depend on
 * them.
 */

/**
 * A single value. Go's `int` is a bigint and its `float64` a number; a timestamp is its RFC 3339 text; bytes are text that
 * is not UTF-8. (sops itself does not read values of its type `bytes`.)
 */
export type Scalar = string | bigint | number | boolean | null | Timestamp | Uint8Array;

/** A point in time as Go's `time.Time` writes it, to the nanosecond and in its own zone. */
export interface Timestamp {
  readonly time: string;
}

/** Where something stands in the text, in UTF-16 code units; the end is exclusive. */
export interface Span {
  readonly start: number;
  readonly end: number;
}

export interface Leaf extends Span {
  readonly kind: 'leaf';
  /** As it stands in the file, encrypted or not. */
  readonly stored: Scalar;
}

export interface Comment {
  readonly kind: 'comment';
  readonly text: string;
}

export interface Pair extends Span {
  readonly kind: 'pair';
  readonly key: Scalar;
  readonly value: Node;
}

export interface List extends Span {
  readonly kind: 'list';
  readonly items: (Node | Comment)[];
}

export interface Branch extends Span {
  readonly kind: 'branch';
  readonly items: (Pair | Comment)[];
}

export type Node = Leaf | List | Branch;

/** The pairs of a branch, without its comments. */
export function pairsOf(branch: Branch): Pair[] {
  return branch.items.filter((item) => item.kind === 'pair');
}

/**
 * The file was not written by sops, or was changed since. `reason` is a clause about the file that contains nothing of its
 * content but names.
 */
export class InvalidSops extends Error {
  readonly reason: string;
  /** What to do about it. */
  readonly hint: string | undefined;
  constructor(reason: string, hint?: string) {
    super(reason);
    this.reason = reason;
    this.hint = hint;
  }
}
