/**
 * Changes a file's text: the named values, the MAC and its time, and nothing else. The result is read again as any file,
 * and thrown away unless it holds exactly what it must.
 */
import { isSecretError, type SecretChanges, SecretError } from '@keyfall/core/provider';
import { changesOf, holds, type Named, namesOf, pathOf } from '../formats/names.ts';
import {
  type Additions,
  isAdditions,
  type Splice,
  spliced,
  valuesOfField,
} from '../formats/sops-format.ts';
import { type OpenedFile, openSops, readSops, type SopsSource } from '../reading/open-sops.ts';
import { decryptTree, type Opened, type OpenedTree } from '../tree/decrypt-tree.ts';
import { formatFloat, parseFloat64, parseInt64, rfc3339 } from '../tree/go-text.ts';
import { encryptValue } from '../tree/sops-cipher.ts';
import type { SopsRules } from '../tree/sops-rules.ts';
import { type Branch, InvalidSops, pairsOf, type Scalar } from '../tree/sops-tree.ts';

/** An opened or new file whose MAC is not computed yet. */
export type EditableFile = Omit<OpenedFile, 'metadata'>;

type Entries = SecretChanges['entries'];

/**
 * The text after the changes; the same text if there is nothing to change.
 *
 * @param warn - called for a value that the file's own rules leave unencrypted
 * @throws `ERR_SECRET_UNSUPPORTED` for what this file cannot hold
 */
export async function editSops(
  source: SopsSource,
  opened: EditableFile,
  entries: Entries,
  warn: (message: string) => void,
): Promise<string> {
  const { file, key, rules } = opened;
  const { changes, wanted } = changesOf(opened.tree, source, entries);
  if (changes.length === 0) return file.text;
  const splices: Splice[] = [];
  const added: [name: string, value: string][] = [];
  const removed: string[] = [];
  for (const { name, value, place } of changes) {
    if (value !== null) refuseBroken(source, name, value);
    if (value === null) removed.push(name);
    else if (place === undefined) added.push([name, value]);
    else splices.push(replacement(source, opened, name, place, value, warn));
  }

  const add = (to: EditableFile) =>
    [...placed(source, to, added, warn)].map(([branch, additions]) =>
      source.format.add(to.file, branch, additions),
    );
  const remove = (from: string) =>
    removed.reduce((text, name) => without(source, text, { key, rules }, name), from);
  try {
    let text: string;
    if (rules.byComments) {
      // a removed name leaves its comment behind, which must not apply to a new name
      text = remove(spliced(file.text, splices));
      const rest = source.format.parse(text);
      const tree = decryptTree(rest.roots, rules, key);
      text = spliced(text, add({ file: rest, tree, key, rules }));
    } else text = remove(spliced(file.text, [...splices, ...add(opened)]));
    const after = source.format.parse(text);
    const tree = decryptTree(after.roots, rules, key);
    if (!holds(namesOf(tree, source), wanted))
      throw new InvalidSops('does not hold what was written');
    return await signed(source, text, tree, key);
  } catch (error) {
    if (isSecretError(error) && error.code !== 'ERR_SECRET_INVALID') throw error;
    if (!isSecretError(error) && !(error instanceof InvalidSops)) throw error;
    throw cannotHold(source, entries);
  }
}

/** Puts the MAC and its time into a text, and opens the result once more to check it. */
export async function signed(
  source: SopsSource,
  text: string,
  tree: OpenedTree,
  key: Uint8Array,
): Promise<string> {
  const file = source.format.parse(text);
  const now = `${new Date().toISOString().slice(0, 19)}Z`;
  const mac = encryptValue(tree.mac, key, now);
  const replaced = (name: string, stored: string) =>
    valuesOfField(file, name).map((leaf) => source.format.replace(file, leaf, stored));
  const result = spliced(text, [...replaced('lastmodified', now), ...replaced('mac', mac)]);
  await openSops(source, await readSops(source, result), key);
  return result;
}

function refuseBroken(source: SopsSource, name: string, value: string): void {
  if ((name + value).isWellFormed()) return;
  throw new SecretError(
    'ERR_SECRET_UNSUPPORTED',
    `${JSON.stringify(name)} or its value is not well-formed Unicode, which ${source.shown} cannot hold`,
    { provider: source.provider, secretName: name },
  );
}

function replacement(
  source: SopsSource,
  { file, key, tree }: EditableFile,
  name: string,
  { node, path }: Named,
  value: string,
  warn: (message: string) => void,
): Splice {
  const opened = node.kind === 'leaf' ? tree.leaves.get(node) : undefined;
  if (opened === undefined)
    throw refusal(source, name, 'is a list, which is not changed as one value');
  const stored = storedForm(source, opened, path, value, key, warn);
  return source.format.replace(file, node, stored);
}

function storedForm(
  { shown }: SopsSource,
  { value: old, encrypted }: Pick<Opened, 'value' | 'encrypted'>,
  path: readonly string[],
  text: string,
  key: Uint8Array,
  warn: (message: string) => void,
): Scalar {
  const value = likeBefore(old, text);
  if (encrypted) return encryptValue(value, key, `${path.join(':')}:`);
  warn(unencrypted(path, shown));
  return value;
}

/** The warning of a value that a write leaves unencrypted. */
export function unencrypted(path: readonly string[], shown: string): string {
  return `${path.join('.')} stands unencrypted in ${shown}, as the file's rules have it`;
}

/** The new value in the type of the old one, if its text allows that, so that `sops -d` shows the same type. */
function likeBefore(old: Scalar, text: string): Exclude<Scalar, null> {
  if (typeof old === 'bigint') {
    const value = parseInt64(text);
    if (value !== undefined && String(value) === text) return value;
  }
  if (typeof old === 'number') {
    const value = parseFloat64(text);
    if (value !== undefined && Number.isFinite(value) && formatFloat(value) === text) return value;
  }
  if (typeof old === 'boolean' && (text === 'true' || text === 'false')) return text === 'true';
  const isTime = typeof old === 'object' && old !== null && 'time' in old;
  return (isTime && rfc3339(text)?.time === text ? rfc3339(text) : undefined) ?? text;
}

/**
 * The branches of new names, each with what is added to it. Inner branches come first: an outer branch may end at the same
 * offset, and the inner one must be complete there.
 */
function placed(
  source: SopsSource,
  { file, key, rules }: EditableFile,
  added: readonly (readonly [name: string, value: string])[],
  warn: (message: string) => void,
): Map<Branch, Additions> {
  const [root] = file.roots;
  const result = new Map<Branch, Map<string, Scalar | Additions>>();
  const depths = new Map<Branch, number>();
  if (root === undefined) return result;
  // names of fewer parts first: `a.b` can be placed beside a value `a`, but not `a` beside a branch of `a.b`
  const parts = (name: string) => name.split(source.separator).length;
  for (const [name, value] of [...added].sort(([a], [b]) => parts(a) - parts(b))) {
    const path = pathOf(source, root, name);
    if (path === undefined) throw refusal(source, name, "is one of sops's own names");
    const branches = [root];
    const above: string[] = [];
    let rest = path;
    const descend = () => {
      above.push(rest[0] ?? '');
      rest = rest.slice(1);
    };
    for (let next = branchAt(root, rest); next !== undefined; next = branchAt(next, rest)) {
      branches.push(next);
      descend();
    }
    const branch = branches.at(-1) ?? root;
    const here = new Set(pairsOf(branch).map((pair) => pair.key));
    let into = result.get(branch) ?? new Map<string, Scalar | Additions>();
    result.set(branch, into);
    depths.set(branch, branches.length);
    for (let outermost = true; rest.length > 1; outermost = false) {
      const [first = ''] = rest;
      const there = into.get(first);
      // below a value the name keeps its separator
      if ((outermost && here.has(first)) || (there !== undefined && !isAdditions(there))) {
        rest = [rest.join(source.separator)];
        break;
      }
      const inner = there instanceof Map ? there : new Map<string, Scalar | Additions>();
      into.set(first, inner);
      into = inner;
      descend();
    }
    const [last = ''] = rest;
    if (into.has(last) || (into === result.get(branch) && here.has(last)))
      throw refusal(source, name, 'is a group of other names');
    const whole = [...above, last];
    const encrypted = rules.encrypts(whole, commentsAbove(branches), false);
    into.set(last, storedForm(source, { value: null, encrypted }, whole, value, key, warn));
  }
  const depth = (branch: Branch) => depths.get(branch) ?? 0;
  return new Map([...result].sort(([a], [b]) => depth(b) - depth(a)));
}

function branchAt(branch: Branch, rest: readonly string[]): Branch | undefined {
  if (rest.length < 2) return undefined;
  const pair = pairsOf(branch).findLast(({ key }) => key === rest[0]);
  return pair?.value.kind === 'branch' ? pair.value : undefined;
}

/** The comments that rules depend on, for a value without comments of its own. */
function commentsAbove(branches: readonly Branch[]): string[][] {
  return branches.map((branch, depth) => {
    const next = branches[depth + 1];
    let comments: string[] = [];
    if (next === undefined) return [];
    for (const item of branch.items) {
      if (item.kind === 'comment') comments.push(item.text);
      else if (item.value === next) return comments;
      else comments = [];
    }
    return [];
  });
}

/** The text without a name, at all its places, and without the branches that held nothing else. */
function without(
  source: SopsSource,
  before: string,
  { key, rules }: { readonly key: Uint8Array; readonly rules: SopsRules },
  name: string,
): string {
  let text = before;
  for (;;) {
    const file = source.format.parse(text);
    const tree = decryptTree(file.roots, rules, key);
    const place = namesOf(tree, source).get(name)?.at(-1);
    if (place === undefined) return text;
    const { branches } = place;
    let pair = place.pair;
    let depth = branches.length - 1;
    const keepsSections = source.format.name === 'ini';
    while (depth > 0 && !keepsSections && pairsOf(branches[depth] as Branch).length === 1) {
      depth--;
      const inner = branches[depth + 1];
      pair = pairsOf(branches[depth] as Branch).find(({ value }) => value === inner) ?? pair;
    }
    const splice = source.format.remove(file, branches[depth] as Branch, pair);
    if (splice.end <= splice.start) throw new InvalidSops('keeps a name that was taken out');
    text = spliced(text, [splice]);
  }
}

/** The error for a change that this file cannot take in the way it is written. */
export function cannotHold({ shown, provider }: SopsSource, entries: Entries): SecretError {
  const names = [...entries.keys()];
  return new SecretError(
    'ERR_SECRET_UNSUPPORTED',
    `${shown} cannot be changed so that it holds this`,
    {
      provider,
      secretName: names.length === 1 ? names[0] : undefined,
      hint: 'Nothing was changed. Change it with `sops edit`.',
    },
  );
}

/** The error for a name that cannot be changed. */
export function refusal(
  { shown, provider }: SopsSource,
  name: string,
  reason: string,
): SecretError {
  return new SecretError(
    'ERR_SECRET_UNSUPPORTED',
    `${JSON.stringify(name)} in ${shown} ${reason}`,
    {
      provider,
      secretName: name,
      hint: 'Change it with `sops edit`.',
    },
  );
}
