/**
 * Which branch or list a comment of a YAML file belongs to, and before which of its items it stands. sops encrypts a
 * comment with the path of its container, and rules may depend on it. go-yaml, with which sops reads the file, attaches a
 * comment to the item above or below it; its column says which.
 */
import type { Branch, Comment, List, Node, Pair } from '../tree/sops-tree.ts';

/** A comment in the text. */
export interface PlacedComment {
  readonly text: string;
  readonly start: number;
  readonly column: number;
  /** What precedes it on its line: an item, or the dash of an item that begins below. */
  readonly behind: 'item' | 'dash' | undefined;
}

/** A branch or list, and its container. */
interface Container {
  readonly node: Branch | List;
  readonly parent: Container | undefined;
  /** The column of its items. Computed on demand, since lines may be long and branches many. */
  column(): number;
}

/** A name or value, and its container. */
interface Entry {
  readonly start: number;
  readonly container: Container;
}

/** Puts comments, in their order, into the trees. `columnOf` gives the column of an offset. */
export function placeComments(
  roots: readonly Branch[],
  comments: readonly PlacedComment[],
  columnOf: (offset: number) => number,
): void {
  if (comments.length === 0) return;
  const entries: Entry[] = [];
  for (const root of roots) gather(root, undefined, columnOf, entries);
  entries.sort((a, b) => a.start - b.start);
  const found = new Map<Branch | List, { comment: Comment; before: number }[]>();
  let next = 0;
  let begins = -1;
  for (const { text, start, column, behind } of comments) {
    while ((entries[next]?.start ?? Number.POSITIVE_INFINITY) < start) next++;
    const above = entries[next - 1];
    // a comment behind a dash, and those below it, belong to the item that the dash begins
    if (behind === 'dash') begins = next;
    const aboveIt = begins === next ? undefined : deepest(above?.container, column);
    const belowIt = deepest(entries[next]?.container, column);
    // a comment behind an item belongs to the container of that item
    const chosen =
      behind === 'item'
        ? above?.container
        : depthOf(belowIt) > depthOf(aboveIt)
          ? belowIt
          : aboveIt;
    const node = chosen?.node ?? roots[0];
    if (node === undefined) continue;
    const list = found.get(node) ?? [];
    list.push({
      comment: { kind: 'comment', text },
      before: behind === 'item' ? (above?.start ?? 0) : start,
    });
    found.set(node, list);
  }
  for (const [node, list] of found) insert(node, list);
}

function gather(
  node: Node,
  parent: Container | undefined,
  columnOf: (offset: number) => number,
  entries: Entry[],
): void {
  if (node.kind === 'leaf') {
    if (parent !== undefined) entries.push({ start: node.start, container: parent });
    return;
  }
  const first = node.items[0];
  const start = first === undefined || first.kind === 'comment' ? node.start : first.start;
  // the items of a list stand behind their dashes
  let known: number | undefined;
  const column = () => {
    known ??= columnOf(node.kind === 'list' ? node.start : start);
    return known;
  };
  const container: Container = { node, parent, column };
  for (const item of node.items) {
    if (item.kind === 'comment') continue;
    if (item.kind === 'pair') {
      entries.push({ start: item.start, container });
      if (item.value.kind !== 'leaf') gather(item.value, container, columnOf, entries);
    } else gather(item, container, columnOf, entries);
  }
}

/** The innermost of the containers around `from` whose items are not further right than `column`. */
function deepest(from: Container | undefined, column: number): Container | undefined {
  let container = from;
  while (container !== undefined && container.column() > column) container = container.parent;
  return container;
}

function depthOf(container: Container | undefined): number {
  return container === undefined ? -1 : depthOf(container.parent) + 1;
}

function insert(
  node: Branch | List,
  list: readonly { readonly comment: Comment; readonly before: number }[],
): void {
  const items: (Pair | Node | Comment)[] = [];
  let at = 0;
  for (const item of node.items) {
    const start = item.kind === 'comment' ? 0 : item.start;
    while ((list[at]?.before ?? Number.POSITIVE_INFINITY) <= start) {
      const comment = list[at++]?.comment;
      if (comment !== undefined) items.push(comment);
    }
    items.push(item);
  }
  for (const { comment } of list.slice(at)) items.push(comment);
  // a branch still holds pairs and comments, and a list nodes and comments
  (node.items as (Pair | Node | Comment)[]).splice(0, node.items.length, ...items);
}
