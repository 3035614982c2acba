import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isSecretError } from '@keyfall/core';
import { decryptSopsFile } from '../src/index.ts';
import { keyPath, nowhere, verdictsPath } from './fixtures.ts';
import { temporaryFolder } from './store.ts';
import { digestOf } from './tampers.ts';

/** What sops says to each tampering: `refused`, or the digest of what it reads. */
export type Verdicts = Readonly<Record<string, Readonly<Record<string, string>>>>;

export const recordedVerdicts = (): Verdicts => JSON.parse(readFileSync(verdictsPath, 'utf8'));

/** Which of `tampers` with the fixture `name` we judge otherwise than it is recorded of sops. */
export async function wronglyJudged(
  name: string,
  tampers: ReadonlyMap<string, string>,
): Promise<string[]> {
  const { folder, remove } = await temporaryFolder();
  const wrong: string[] = [];
  const recorded = recordedVerdicts()[name] ?? {};
  const path = join(folder, name);
  for (const [what, text] of tampers) {
    await writeFile(path, text);
    const keys = { ageKeyFile: keyPath('one.txt'), environment: nowhere };
    const ours = await decryptSopsFile(path, keys).then(
      (document) => JSON.parse(JSON.stringify(document)) as unknown,
      (error: unknown) => (isSecretError(error) ? error.code : String(error)),
    );
    const theirs = recorded[what];
    if (theirs === undefined) wrong.push(`${what}: nothing is recorded`);
    // sops shows the first of several documents alone
    else if (what === 'a document more' && ours === 'ERR_SECRET_UNSUPPORTED') continue;
    else if (theirs === 'refused') {
      if (ours !== 'ERR_SECRET_INVALID' && ours !== 'ERR_SECRET_UNAUTHENTICATED')
        wrong.push(`${what}: accepted, and sops refuses it`);
    } else if (typeof ours === 'string') wrong.push(`${what}: ${ours}, and sops reads it`);
    else if (digestOf(ours) !== theirs) wrong.push(`${what}: read otherwise than by sops`);
  }
  await remove();
  return wrong;
}
