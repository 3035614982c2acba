/**
 * `keyfall trust`: says that the provider packages which are installed where the configuration is may be run, and that
 * credentials may go where it says. It is needed where a configuration is data (`.json`), or there is none, and a package is not
 * installed beside Keyfall, or such a configuration has an address of its own or names a program.
 */
import { SecretError } from '@keyfall/core';
import { configFile, type SettingsOptions } from '../chain/settings.ts';
import { currentFolder, isProgram, shownFile } from '../config/find-config.ts';
import { allTrusted, isTrusted, revoke, trust } from '../config/trust.ts';
import { printable, printData, printJson, report } from '../terminal/terminal.ts';
import { type Command, json } from './command.ts';

interface TrustOptions extends SettingsOptions {
  /** Take it back. */
  readonly revoke?: boolean;
  /** Print what is trusted. */
  readonly list?: boolean;
  readonly json?: boolean;
}

/** `keyfall trust`. */
export const trustCommand: Command<TrustOptions> = {
  name: 'trust',
  summary: 'Let a JSON configuration run the provider packages that are installed beside it.',
  options: [
    { flags: '--revoke', description: 'take it back' },
    { flags: '--list', description: 'print what is trusted', conflictsWith: ['revoke'] },
    json,
  ],
  examples: ['keyfall trust', 'keyfall trust --list'],
  run: (_args, options) => (options.list ? list(options) : change(options)),
};

/** @throws `ERR_SECRET_CONFIG` if the configuration is not there, or trust cannot be kept */
async function change(options: TrustOptions): Promise<number> {
  if (options.json)
    throw new SecretError('ERR_SECRET_CONFIG', '--json goes with --list alone', {
      hint: 'Leave it out, or add --list.',
    });
  const config = configFile(options);
  const what = config === undefined ? printable(currentFolder()) : shownFile(config);
  if (options.revoke) {
    const wasTrusted = await revoke(config ?? currentFolder());
    report(wasTrusted ? `${what} is no longer trusted.` : `${what} was not trusted.`);
  } else if (config !== undefined && isProgram(config)) {
    report(`${what} is a program and runs as it is: there is nothing more to trust.`);
  } else {
    await trust(config ?? currentFolder());
    report(
      config === undefined
        ? `providers that are named without a configuration may now run what is installed at ${what}, or above it.`
        : `${what} may now run the provider packages that are installed beside it, or above it, start the programs in it, and send your credentials to the addresses in it, until it changes.`,
    );
  }
  return 0;
}

async function list({ json }: TrustOptions): Promise<number> {
  const known = await Promise.all(
    (await allTrusted()).map(async ({ path }) => ({ path, current: await isTrusted(path) })),
  );
  if (json) await printJson(known);
  else
    await printData(
      known
        .map(({ path, current }) => `${printable(path)}${current ? '' : ' (has changed since)'}\n`)
        .join(''),
    );
  return 0;
}
