/**
 * What a change makes of a document's members, as source text by name: see `json-members.ts`.
 */
import { isDeepStrictEqual } from 'node:util';
import { SecretError } from '@keyfall/core/provider';
import { jsonObject } from '../wire/json-members.ts';

/**
 * `members` with `entries` merged in, or `undefined` if that changes nothing.
 *
 * @throws `ERR_SECRET_UNSUPPORTED` for text that a server would alter
 */
export function mergeMembers(
  members: ReadonlyMap<string, string>,
  entries: ReadonlyMap<string, string | null>,
  provider: string,
): Map<string, string> | undefined {
  const merged = new Map(members);
  let changed = false;
  for (const [name, value] of entries) {
    const before = merged.get(name);
    if (value === null) {
      changed = merged.delete(name) || changed;
      continue;
    }
    checkText(name, value, provider);
    if (before !== undefined && JSON.parse(before) === value) continue;
    merged.set(name, JSON.stringify(value));
    changed = true;
  }
  return changed ? merged : undefined;
}

/** Whether both hold the same values, whatever form a server gave their numbers and order. */
export function sameMembers(
  one: ReadonlyMap<string, string>,
  other: ReadonlyMap<string, string>,
): boolean {
  if (one.size !== other.size) return false;
  for (const [name, text] of one) {
    const counterpart = other.get(name);
    if (counterpart === undefined) return false;
    if (!isDeepStrictEqual(JSON.parse(text), JSON.parse(counterpart))) return false;
  }
  return true;
}

/** A server replaces what is not well-formed Unicode. */
function checkText(name: string, value: string, provider: string): void {
  if (!(name + value).isWellFormed())
    throw new SecretError(
      'ERR_SECRET_UNSUPPORTED',
      `${JSON.stringify(name)} or its value is not well-formed Unicode, and the server would alter it`,
      { provider, hint: 'Encode bytes as base64.' },
    );
}

/**
 * The JSON text of a merge patch of these changes.
 *
 * @throws `ERR_SECRET_UNSUPPORTED` for text that a server would alter, `ERR_SECRET_CONFIG` for what
 *   is no text
 */
export function mergePatch(
  changes: Readonly<Record<string, string | null>>,
  provider: string,
): string {
  const members = new Map<string, string>();
  for (const [name, value] of Object.entries(changes)) {
    if (value !== null && typeof value !== 'string')
      throw new SecretError('ERR_SECRET_CONFIG', `the value for ${name} is not text`, { provider });
    checkText(name, value ?? '', provider);
    members.set(name, JSON.stringify(value));
  }
  return jsonObject(members);
}

/** What makes `after` of `before` as a JSON merge patch (RFC 7396). Whole values; `null` removes. */
export function patchOf(
  before: ReadonlyMap<string, string>,
  after: ReadonlyMap<string, string>,
): Map<string, string> {
  const patch = new Map<string, string>();
  for (const name of before.keys()) if (!after.has(name)) patch.set(name, 'null');
  for (const [name, text] of after) if (before.get(name) !== text) patch.set(name, text);
  return patch;
}

/** The names and texts of a document: what OpenBao counts against its limit of 1000 a request. */
export function countStrings(members: ReadonlyMap<string, string>): number {
  let strings = 0;
  for (const text of members.values()) strings += 1 + stringsIn(text);
  return strings;
}

function stringsIn(json: string): number {
  let strings = 0;
  // no regular expression: over a text of some megabytes its stack overflows
  for (let at = json.indexOf('"'); at >= 0; at = json.indexOf('"', at + 1)) {
    strings += 1;
    for (at += 1; at < json.length && json[at] !== '"'; at += 1) if (json[at] === '\\') at += 1;
  }
  return strings;
}
