/**
 * The JSON text of a secret as a flat list of names, and edits of it. Numbers keep all their digits, which
 * `JSON.parse` would round, and every member that is not changed keeps its value.
 */

/** What is under one name: its text, or why it has none. */
export type Member =
  | { readonly text: string; readonly problem?: undefined }
  | { readonly text?: undefined; readonly problem: string };

/** A change that cannot be made. The message holds names, and no values. */
export class JsonSecretError extends Error {}

/**
 * A tree in which every text, names included, is marked as `s…`, and every number is the text `n…` of
 * its digits. It keeps the order of names that look like numbers, and takes `__proto__` for a name.
 */
type Tree = string | boolean | null | readonly Tree[] | { [name: string]: Tree };
type Group = { [name: string]: Tree };

const token = /"(?:[^"\\]|\\.)*"|-?\d[\d.eE+-]*/g;

/** @returns `undefined` for a text that is not a JSON object */
function parse(text: string): Group | undefined {
  try {
    JSON.parse(text); // first: marking would turn some other texts into JSON
    const marked = text.replace(token, (found) =>
      found.startsWith('"') ? `"s${found.slice(1)}` : `"n${found}"`,
    );
    const tree: Tree = JSON.parse(marked);
    // a text that nests too deep fails here, and not in the middle of an edit
    format(tree);
    return isGroup(tree) ? tree : undefined;
  } catch {
    return undefined;
  }
}

function isGroup(tree: Tree | undefined): tree is Group {
  return typeof tree === 'object' && tree !== null && !Array.isArray(tree);
}

/** The JSON text of a tree. */
function format(tree: Tree): string {
  if (typeof tree === 'string')
    return tree.startsWith('n') ? tree.slice(1) : JSON.stringify(tree.slice(1));
  if (Array.isArray(tree)) return `[${tree.map(format).join(',')}]`;
  if (!isGroup(tree)) return JSON.stringify(tree);
  const members = Object.entries(tree).map(
    ([name, member]) => `${JSON.stringify(name.slice(1))}:${format(member)}`,
  );
  return `{${members.join(',')}}`;
}

/** Where a name is in the tree. */
interface Place {
  /** The groups from the outermost on, each with the marked name that leads further. */
  readonly path: readonly (readonly [group: Group, name: string])[];
  readonly member: Tree;
}

/** Every name of the tree with its places: more than one if it appears twice. */
function placesOf(root: Group, separator: string): Map<string, Place[]> {
  const places = new Map<string, Place[]>();
  const visit = (group: Group, before: string, path: Place['path']): void => {
    for (const [marked, member] of Object.entries(group)) {
      const name = before + marked.slice(1);
      const here = [...path, [group, marked] as const];
      if (isGroup(member) && Object.keys(member).length > 0) visit(member, name + separator, here);
      else places.set(name, [...(places.get(name) ?? []), { path: here, member }]);
    }
  };
  visit(root, '', []);
  return places;
}

/**
 * What a secret holds: the paths of its members joined by `separator`. A text is kept as it is, a number
 * becomes its digits, `true` and `false` these words; a list, and a group without members, becomes its JSON text.
 *
 * @returns `undefined` for a text that is not a JSON object
 */
export function membersOf(text: string, separator: string): Map<string, Member> | undefined {
  const root = parse(text);
  if (root === undefined) return undefined;
  const members = new Map<string, Member>();
  for (const [name, [place, ...others]] of placesOf(root, separator)) {
    const member = place?.member ?? null;
    if (others.length > 0) members.set(name, { problem: 'appears twice' });
    else if (member === null) members.set(name, { problem: 'is null' });
    else members.set(name, { text: typeof member === 'string' ? member.slice(1) : format(member) });
  }
  return members;
}

/**
 * The text after `changes`, a `null` deleting the name. A name that is there keeps its place and, where
 * the new value allows, its type (number or boolean): other readers of the secret may rely on
 * it. A new name becomes a member at the top, whatever separators it holds.
 *
 * @throws {@link JsonSecretError} for a text that is not a JSON object, and for an ambiguous name
 */
export function editMembers(
  text: string,
  changes: ReadonlyMap<string, string | null>,
  separator: string,
): string {
  const root = parse(text);
  if (root === undefined) throw new JsonSecretError('its text is not a JSON object');
  const places = placesOf(root, separator);
  for (const [name, value] of changes) {
    const [place, ...others] = places.get(name) ?? [];
    if (others.length > 0) throw new JsonSecretError(`${name} appears twice`);
    if (value === null) {
      if (place) remove(place.path);
    } else if (place) {
      const [group, marked] = place.path.at(-1) as readonly [Group, string];
      group[marked] = valueLike(place.member, value);
    } else if (`s${name}` in root) {
      throw new JsonSecretError(`${name} is a group of other names`);
    } else root[`s${name}`] = `s${value}`;
  }
  return format(root);
}

function valueLike(before: Tree, value: string): Tree {
  if (typeof before === 'string' && before.startsWith('n'))
    if (/^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/.test(value)) return `n${value}`;
  if (typeof before === 'boolean' && (value === 'true' || value === 'false'))
    return value === 'true';
  return `s${value}`;
}

/** Removes a member, and the groups that this empties: each of them would become a name itself. */
function remove(path: Place['path']): void {
  for (const [group, name] of path.toReversed()) {
    delete group[name];
    if (Object.keys(group).length > 0) return;
  }
}
