/**
 * A file as sops sees it: what its stores for YAML, JSON, dotenv and ini have in common
 * (sops.go, `TreeBranch`). Order counts, since the MAC runs over the values in this order; a name may
 * stand twice; comments are part of it, since rules may look at them.
 */

/**
 * A single value. Go's `int` is a bigint and its `float64` a number; a timestamp is its RFC 3339 text;
 * bytes are text that is not UTF-8. (What has sops's own type `bytes` is not read by sops either.)
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
 * The file cannot be what sops made, or was changed since. `reason` is a clause about the file, and
 * holds nothing that was read from it but names.
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
