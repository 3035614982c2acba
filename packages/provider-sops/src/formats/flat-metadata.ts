/**
 * Metadata in the flat formats: names such as `age__list_0__map_recipient` (stores/flatten.go), every value as text, line
 * breaks as `\n`.
 */
import { parseFloat64, parseInt64 } from '../tree/go-text.ts';
import {
  type AgeKey,
  booleanField,
  markField,
  numberField,
  type RawMetadata,
  type RawValue,
} from '../tree/sops-metadata.ts';
import { InvalidSops, type Pair } from '../tree/sops-tree.ts';
import type { EmptyMetadata } from './sops-format.ts';
import { formatVersion, noTime } from './sops-format.ts';

/** More items than any file has: a hostile one could ask for any number. */
const longestList = 1000;

/**
 * The metadata in these fields. If a name occurs twice, the last one counts.
 *
 * @throws `InvalidSops` where sops cannot make sense of the names
 */
export function unflatten(fields: readonly Pair[]): RawMetadata {
  const flat = new Map<string, string>();
  for (const { key, value } of fields)
    if (value.kind === 'leaf') flat.set(String(key), String(value.stored));
  const root = new Map<string, RawValue>();
  for (const [name, text] of flat)
    place(root, name.split(/(__map_|__list_)/), typed(name, text.replaceAll('\\n', '\n')));
  return root;
}

function place(root: Map<string, RawValue>, tokens: readonly string[], value: RawValue): void {
  let into: unknown = root;
  let key: string | number = tokens[0] ?? '';
  for (let at = 1; at < tokens.length; at += 2) {
    const isList = tokens[at] === '__list_';
    let next: unknown = get(into, key);
    if (next === undefined) {
      next = isList ? [] : new Map();
      set(into, key, next as RawValue);
    }
    if (isList !== Array.isArray(next) || typeof next !== 'object')
      throw new InvalidSops('has metadata that contradicts itself');
    into = next;
    const rest: string = tokens[at + 1] ?? '';
    key = isList ? Number(parseInt64(rest) ?? 0n) : rest;
  }
  set(into, key, value);
}

function get(into: unknown, key: string | number): unknown {
  if (into instanceof Map) return into.get(key);
  return Array.isArray(into) && typeof key === 'number' ? into[key] : undefined;
}

function set(into: unknown, key: string | number, value: RawValue): void {
  if (into instanceof Map) into.set(key, value);
  else if (Array.isArray(into) && typeof key === 'number' && key >= 0 && key < longestList) {
    while (into.length < key) into.push(undefined);
    into[key] = value;
  } else throw new InvalidSops('has metadata that contradicts itself');
}

function typed(name: string, text: string): RawValue {
  if (name === booleanField) return text === 'true';
  if (name !== numberField) return text;
  const whole = parseInt64(text);
  if (whole !== undefined) return whole;
  const float = parseFloat64(text);
  if (float === undefined || !Number.isSafeInteger(float))
    throw new InvalidSops('has metadata of the wrong type');
  return BigInt(float);
}

/** The lines of a new file's metadata, in the order of sops. */
export function flattened({ age, rule: [rule, value], mark }: EmptyMetadata): [string, string][] {
  const pairs: [string, string][] = [
    ['lastmodified', noTime],
    ['mac', ''],
    [rule, value],
    ['version', formatVersion],
  ];
  if (mark !== undefined) pairs.push([markField, mark]);
  return [...pairs, ...flatAge(age)].sort(([a], [b]) => (a < b ? -1 : 1));
}

/** The lines of the age keys. */
export function flatAge(age: readonly AgeKey[]): [string, string][] {
  return age.flatMap(({ recipient, enc }, index): [string, string][] => [
    [`age__list_${index}__map_enc`, enc.replaceAll('\n', '\\n')],
    [`age__list_${index}__map_recipient`, recipient],
  ]);
}

/** Whether a field is one of these lines. */
export function isFlatAge({ key }: Pair): boolean {
  return String(key).startsWith('age__list_');
}
