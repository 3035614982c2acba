/**
 * What a command says, for the few snapshots that hold its wording. Other tests look at codes, names and files, so that a
 * sentence is improved in its source and in one snapshot (`vitest -u`).
 */
import { isAbsolute, relative } from 'node:path';

/**
 * The text without what is another one in every run: moments, ports and these.
 *
 * @param names - what stands for each of them: `{ FOLDER: cwd }`
 */
export function transcript(
  said: string | readonly string[],
  names: Readonly<Record<string, string>> = {},
): string {
  let text = [said].flat().join('\n');
  for (const [name, given] of Object.entries(names)) {
    text = text.replaceAll(given, name);
    // a folder near the one that the tests run in is shown as seen from there
    if (isAbsolute(given)) text = text.replaceAll(relative(process.cwd(), given), name);
  }
  return text
    .replace(/\d{8}T\d{6,9}Z(-\d+)?/g, 'MOMENT')
    .replace(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, 'MOMENT')
    .replace(/(?<=127\.0\.0\.1:)(?!8200\b)\d+/g, 'PORT');
}
