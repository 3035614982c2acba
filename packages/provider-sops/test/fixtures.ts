import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

// What sops made: see fixtures/regenerate.sh. The keys are throw-away keys, made for these files.

const folder = fileURLToPath(new URL('./fixtures/', import.meta.url));

/** Every file that sops encrypted. */
export const fixtureNames: readonly string[] = readdirSync(`${folder}encrypted`).sort();

export const fixturePath = (name: string): string => `${folder}encrypted/${name}`;
export const keyPath = (name: string): string => `${folder}keys/${name}`;
export const fixture = (name: string): string => readFileSync(fixturePath(name), 'utf8');
export const keyText = (name: string): string => readFileSync(keyPath(name), 'utf8');
export const verdictsPath: string = `${folder}verdicts.json`;

/** The secret key in a file of fixtures/keys. */
export function secretOf(name: string): string {
  return /AGE-SECRET-KEY-1\w+/.exec(keyText(name))?.[0] ?? '';
}

/** The public key in a file of fixtures/keys. */
export function recipientOf(name: string): string {
  return name.endsWith('.pub') ? keyText(name).trim() : (/age1\w+/.exec(keyText(name))?.[0] ?? '');
}

/** What sops decrypts a fixture to, as JSON. */
export function expectedText(name: string): string {
  return readFileSync(`${folder}expected/${name}.json`, 'utf8');
}

/** Nothing is looked for outside the tests. */
export const nowhere: Readonly<Record<string, string>> = {
  HOME: `${folder}nobody`,
  XDG_CONFIG_HOME: `${folder}nobody`,
};
