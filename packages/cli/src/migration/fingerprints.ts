/**
 * What tells a value that a migration wrote from any other one, without holding it. A file's backup has the
 * values themselves; those of a store may be others by the time that somebody asks. A short value can be
 * guessed from its fingerprint by who has the key, so a journal, which holds both, keeps them no longer
 * than they are needed.
 */
import { createHmac, randomBytes } from 'node:crypto';

/** The fingerprints of one journal. A name may have several: each was to be written once. */
export interface Fingerprints {
  /** Of this journal alone, so that no two can be compared. Hexadecimal. */
  readonly key: string;
  readonly of: readonly NamedFingerprint[];
}

/** The fingerprint of one value. */
interface NamedFingerprint {
  readonly name: string;
  /** HMAC-SHA-256 of name and value. Hexadecimal. */
  readonly digest: string;
}

/** Those of `earlier`, and of these values. */
export function fingerprintsOf(
  values: ReadonlyMap<string, string>,
  earlier: Fingerprints = { key: randomBytes(32).toString('hex'), of: [] },
): Fingerprints {
  const { key, of } = earlier;
  const added = [...values]
    .map(([name, value]) => ({ name, digest: digestOf(key, name, value) }))
    .filter(({ name, digest }) => !of.some((each) => each.name === name && each.digest === digest));
  return { key, of: [...of, ...added] };
}

/** Whether this value was to be written under the name; `undefined` where nothing is known of the name. */
export function wasToBeWritten(
  { key, of }: Fingerprints,
  name: string,
  value: string,
): boolean | undefined {
  const known = of.filter((each) => each.name === name);
  if (known.length === 0) return undefined;
  const digest = digestOf(key, name, value);
  return known.some((each) => each.digest === digest);
}

/** Whether it is what {@link fingerprintsOf} makes. */
export function isFingerprints(value: unknown): value is Fingerprints {
  if (typeof value !== 'object' || value === null) return false;
  const { key, of } = value as Record<keyof Fingerprints, unknown>;
  return typeof key === 'string' && Array.isArray(of) && of.every(isNamedFingerprint);
}

function isNamedFingerprint(value: unknown): value is NamedFingerprint {
  if (typeof value !== 'object' || value === null) return false;
  const { name, digest } = value as Record<keyof NamedFingerprint, unknown>;
  return typeof name === 'string' && typeof digest === 'string';
}

function digestOf(key: string, name: string, value: string): string {
  // the length keeps apart a name and a value that together have the text of two others
  const text = `${name.length}:${name}${value}`;
  return createHmac('sha256', Buffer.from(key, 'hex')).update(text).digest('hex');
}
