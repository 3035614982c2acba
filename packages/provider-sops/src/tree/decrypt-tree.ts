/**
 * Decrypts a tree and computes its MAC, in the order and with the oddities of sops (sops.go, `Tree.Decrypt`): comments
 * are decrypted where possible, and do not enter the MAC; an encrypted comment that claims another type becomes a value,
 * and enters it.
 */
import { createHash, type Hash } from 'node:crypto';
import { macText } from './go-text.ts';
import { decryptValue } from './sops-cipher.ts';
import type { SopsRules } from './sops-rules.ts';
import {
  type Branch,
  InvalidSops,
  type Leaf,
  type List,
  type Node,
  type Scalar,
} from './sops-tree.ts';

/** A decrypted leaf. */
export interface Opened {
  readonly value: Scalar;
  /** The names that lead to it, without places in lists. */
  readonly path: readonly string[];
  /** Whether the file's rules have it encrypted. */
  readonly encrypted: boolean;
}

/** A comment that stands encrypted in the file. */
interface OpenedComment {
  /** As it stands in the file. */
  readonly stored: string;
  readonly path: readonly string[];
  /** What it holds; `undefined` if it claims to be a value. */
  readonly text: string | undefined;
}

/** A decrypted file. */
export interface OpenedTree {
  readonly roots: readonly Branch[];
  readonly leaves: ReadonlyMap<Leaf, Opened>;
  readonly comments: readonly OpenedComment[];
  /** Upper-case hexadecimal SHA-512, as sops stores it, encrypted. */
  readonly mac: string;
}

/** The first bytes of a MAC with `mac_only_encrypted`: SHA-256 of "sops". */
const macOnlyEncryptedStart = '8a3fd2ad54ce66527b1034f3d147be0b0b975b3bf44f72c6fdadec8176f27d69';

/**
 * Decrypts every value of `roots`.
 *
 * @throws `InvalidSops` where sops refuses the file
 */
export function decryptTree(
  roots: readonly Branch[],
  rules: SopsRules,
  key: Uint8Array,
): OpenedTree {
  const hash = createHash('sha512');
  if (rules.macOnlyEncrypted) hash.update(Buffer.from(macOnlyEncryptedStart, 'hex'));
  const leaves = new Map<Leaf, Opened>();
  const comments: OpenedComment[] = [];
  const walk: Walk = { rules, key, hash, leaves, comments };
  for (const root of roots) walkBranch(walk, root, [], []);
  return { roots, leaves, comments, mac: hash.digest('hex').toUpperCase() };
}

interface Walk {
  readonly rules: SopsRules;
  readonly key: Uint8Array;
  readonly hash: Hash;
  readonly leaves: Map<Leaf, Opened>;
  readonly comments: OpenedComment[];
}

type Path = readonly string[];
type Comments = readonly string[][];

function walkBranch(walk: Walk, branch: Branch, path: Path, above: Comments): void {
  let here: string[] = [];
  for (const item of branch.items) {
    if (item.kind === 'comment') {
      here.push(item.text);
      const opened = openComment(walk, item.text, path, [...above, here]);
      if (opened !== undefined && typeof opened !== 'string')
        throw new InvalidSops('holds an encrypted comment of another type');
      continue;
    }
    if (typeof item.key !== 'string') throw new InvalidSops('holds a name that is not text');
    walkNode(walk, item.value, [...path, item.key], [...above, here]);
    here = [];
  }
}

function walkList(walk: Walk, list: List, path: Path, above: Comments): void {
  let here: string[] = [];
  for (const [index, item] of list.items.entries()) {
    if (item.kind === 'comment') {
      here.push(item.text);
      const value = openComment(walk, item.text, path, [...above, here]);
      if (value === undefined) continue;
      const leaf: Leaf = { kind: 'leaf', stored: value, start: -1, end: -1 };
      walk.leaves.set(leaf, { value, path, encrypted: true });
      list.items[index] = leaf;
      continue;
    }
    // sops writes the encrypted comments of a list as items
    const comment =
      item.kind === 'leaf' ? commentItem(walk, item, path, [...above, here]) : undefined;
    if (comment === undefined) walkNode(walk, item, path, [...above, here]);
    else list.items[index] = { kind: 'comment', text: comment };
    here = [];
  }
}

function commentItem(
  { rules, key, comments: found }: Walk,
  { stored }: Leaf,
  path: Path,
  comments: Comments,
): string | undefined {
  if (typeof stored !== 'string' || !stored.includes(',type:comment]')) return undefined;
  if (!rules.encrypts(path, comments, false)) return undefined;
  const opened = decryptValue(stored, key, `${path.join(':')}:`);
  if (opened === undefined || !('comment' in opened)) return undefined;
  found.push({ stored, path, text: opened.comment });
  return opened.comment;
}

function walkNode(walk: Walk, node: Node, path: Path, comments: Comments): void {
  if (node.kind === 'branch') {
    walkBranch(walk, node, path, comments);
    return;
  }
  if (node.kind === 'list') {
    walkList(walk, node, path, comments);
    return;
  }
  if (node.stored === null) {
    // null itself is never encrypted, but a value that replaces it may be
    const encrypted = walk.rules.encrypts(path, comments, false);
    walk.leaves.set(node, { value: null, path, encrypted });
    return;
  }
  const encrypted = walk.rules.encrypts(path, comments, false);
  let value: Scalar = node.stored;
  if (encrypted) {
    const opened =
      typeof node.stored === 'string'
        ? decryptValue(node.stored, walk.key, `${path.join(':')}:`)
        : undefined;
    if (opened === undefined || 'comment' in opened)
      throw new InvalidSops(`holds a value at ${shown(path)} that the file's key does not open`);
    value = opened.value;
  }
  addToMac(walk, value, encrypted);
  walk.leaves.set(node, { value, path, encrypted });
}

/** The value of an encrypted comment of another type; `undefined` for a comment. */
function openComment(walk: Walk, text: string, path: Path, comments: Comments): Scalar | undefined {
  if (!walk.rules.encrypts(path, comments, true)) return undefined;
  const opened = decryptValue(text, walk.key, `${path.join(':')}:`);
  if (opened === undefined) return undefined;
  const isComment = 'comment' in opened;
  walk.comments.push({ stored: text, path, text: isComment ? opened.comment : undefined });
  if (isComment) return undefined;
  addToMac(walk, opened.value, true);
  return opened.value;
}

function addToMac({ rules, hash }: Walk, value: Scalar, encrypted: boolean): void {
  if (value !== null && (encrypted || !rules.macOnlyEncrypted)) hash.update(macText(value));
}

/** A path for a message: names are not secret, but may be long, foreign text, and in a damaged file a ciphertext. */
function shown(path: Path): string {
  const text = JSON.stringify(path.join('.').replace(/ENC\[.*/s, 'ENC[…'));
  return text.length > 80 ? `${text.slice(0, 80)}…` : text;
}
