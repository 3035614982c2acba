/**
 * `keyfall types`: a declaration file of the names that the chain holds. Names only.
 */
import { SecretError } from '@keyfall/core';
import { type SettingsOptions, withChain } from '../chain/settings.ts';
import { createFile } from '../files/create-file.ts';
import { readNamedFile } from '../files/read-input.ts';
import { replaceFile } from '../migration/files.ts';
import { countNames, printable, printData, printJson, report } from '../terminal/terminal.ts';
import { waitingFor } from '../terminal/waiting.ts';
import { type Command, json } from './command.ts';
import { declareNames, isOurs } from './name-types.ts';

interface TypesOptions extends SettingsOptions {
  /** The file that is written. Default: stdout. */
  readonly out?: string;
  readonly json?: boolean;
}

/** `keyfall types`. */
export const typesCommand: Command<TypesOptions> = {
  name: 'types',
  summary: 'Declare the names for TypeScript, so that a misspelled one does not compile.',
  options: [{ flags: '-o, --out <file>', description: 'write them there' }, json],
  examples: ['keyfall types --out src/secret-names.d.ts'],
  run: (_args, options) => declare(options),
};

/**
 * Prints the declarations, or writes them where they are not what the file holds already.
 *
 * @throws `ERR_SECRET_CONFLICT` if the file holds something else than names declared before
 */
async function declare({ out, json, ...options }: TypesOptions): Promise<number> {
  const names = await withChain(options, async ({ secrets, names: needed }) => [
    ...new Set([...(await waitingFor('reading the names', () => secrets.list())), ...needed]),
  ]);
  const text = declareNames(names);
  if (out === undefined) {
    await (json ? printJson({ names }) : printData(text));
    return 0;
  }
  const before = (await readNamedFile(out))?.toString('utf8');
  if (before && !isOurs(before))
    throw new SecretError(
      'ERR_SECRET_CONFLICT',
      `${printable(out)} exists, and was not made by keyfall types`,
      {
        hint: 'Name another file with --out, or remove it first.',
      },
    );
  if (before === text) report(`${printable(out)} has all ${countNames(names.length)} already.`);
  else {
    await (before === undefined ? createFile(out, text) : replaceFile(out, Buffer.from(text)));
    report(`wrote ${countNames(names.length)} to ${printable(out)}.`);
  }
  if (json) await printJson({ file: out, names });
  return 0;
}
