import { writeFile } from 'node:fs/promises';
import dotenv from 'dotenv';

export {
  callContext as context,
  denyAccess as deny,
  temporaryFolder,
  withoutPrivileges,
} from '@keyfall/testkit';

/** A pair as a person might write it; `undefined` if none of these ways is read back the same. */
export function pairOf(name: string, value: string): string | undefined {
  const escaped = value.replaceAll('\n', '\\n').replaceAll('\r', '\\r');
  return [`'${value}'`, `"${escaped}"`, `\`${value}\``, value]
    .map((form) => `${name}=${form}`)
    .find((pair) => {
      const read = Object.entries(dotenv.parse(`${pair}\n`));
      return read.length === 1 && read[0]?.[0] === name && read[0][1] === value;
    });
}

/** Writes a file that holds exactly these values, without the provider. */
export async function seed(path: string, values: Iterable<readonly [string, string]>) {
  const lines = [...values].map(([name, value]) => `${pairOf(name, value)}\n`);
  await writeFile(path, lines.join(''));
}
