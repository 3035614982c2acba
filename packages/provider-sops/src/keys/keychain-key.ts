/**
 * An age key in the keychain of the user, by what the system has for it: the program `security` of macOS, `secret-tool` of a
 * session of Linux, a library for the Credential Manager of Windows. The file of keys then has a comment that names the item, so that
 * nothing asks a keychain in which there is no key, and a keychain that does not answer is never one without a key.
 */
import { credentialLibrary, readCredential, storeCredential } from './credential-manager.ts';
import { type KeyAnswer, runKeyProgram } from './key-program.ts';

type Environment = Readonly<Record<string, string | undefined>>;

/** The service of the items; the account is the public key. So several keys are kept beside each other, and none is replaced. */
const service = 'keyfall';

/** The command of ours that prints the user's key, wherever that is. */
export const ownKeyCommand = 'keyfall share key --secret';

/** How the keychain of a system is asked. */
interface Keychain {
  /** Why it cannot be asked where `isMissing` is answered: a clause, whose subject is the keychain. */
  readonly missing: string;
  /** What prints the key, as a command of a shell and for `SOPS_AGE_KEY_CMD`. */
  command(recipient: string): string;
  /** Asks for the key. Never throws. */
  read(recipient: string, environment: Environment, signal: AbortSignal): Promise<KeyAnswer>;
  /** Stores it. Never throws; whether it has worked is known by `read` alone. */
  store(
    recipient: string,
    key: string,
    environment: Environment,
    signal: AbortSignal,
  ): Promise<unknown>;
  /** Whether there may be one, without asking it. */
  mayBeThere(environment: Environment): boolean;
}

/** A program that asks. */
interface Tool {
  /** Prints the key. */
  read(recipient: string): readonly [name: string, ...args: string[]];
  /** Stores it. The key is in `input` alone: arguments can be read by other users of the machine. */
  store(
    recipient: string,
    key: string,
  ): { readonly command: readonly [name: string, ...args: string[]]; readonly input: string };
  mayBeThere(environment: Environment): boolean;
}

const keychains: Readonly<Partial<Record<NodeJS.Platform, Keychain>>> = {
  linux: through({
    read: (recipient) => ['secret-tool', 'lookup', 'service', service, 'username', recipient],
    store: (recipient, key) => ({
      command: [
        'secret-tool',
        'store',
        '--label=Keyfall: age key',
        'service',
        service,
        'username',
        recipient,
      ],
      input: key,
    }),
    mayBeThere: (environment) =>
      Boolean(environment['DBUS_SESSION_BUS_ADDRESS'] || environment['XDG_RUNTIME_DIR']),
  }),
  darwin: through({
    read: (recipient) => [
      'security',
      'find-generic-password',
      '-s',
      service,
      '-a',
      recipient,
      '-w',
    ],
    store: (recipient, key) => ({
      command: ['security', '-i'],
      input: `add-generic-password -s ${service} -a ${recipient} -l "Keyfall: age key" -w ${key}\n`,
    }),
    mayBeThere: () => true,
  }),
  win32: {
    missing: `is asked by ${credentialLibrary}, which is not installed or cannot be loaded`,
    command: () => ownKeyCommand,
    read: (recipient, _, signal) => readCredential(service, recipient, signal),
    store: (recipient, key, _, signal) => storeCredential(service, recipient, key, signal),
    mayBeThere: () => true,
  },
};

function through({ read, store, mayBeThere }: Tool): Keychain {
  const [program] = read('');
  return {
    missing: `is asked by ${program}, which is not on PATH`,
    command: (recipient) => read(recipient).join(' '),
    read(recipient, environment, signal) {
      const [name, ...args] = read(recipient);
      return runKeyProgram({ name, args, environment }, signal);
    },
    store(recipient, key, environment, signal) {
      const { command, input } = store(recipient, key);
      const [name, ...args] = command;
      return runKeyProgram({ name, args, environment, input }, signal);
    },
    mayBeThere,
  };
}

/** The keychain of this system; `undefined` if there is nothing that asks it. */
export function systemKeychain(): Pick<Keychain, 'missing' | 'command' | 'read'> | undefined {
  return keychains[process.platform];
}

/** The items that a file of keys names, by their public keys. */
export function keychainKeysIn(text: string): readonly string[] {
  return [...text.matchAll(/^# keyfall-keychain: (age1[a-z0-9]+)\r?$/gm)].map(
    ([, recipient = '']) => recipient,
  );
}

/** The line of a file of keys that names an item. */
export function keychainLine(recipient: string): string {
  return `# keyfall-keychain: ${recipient}`;
}

/**
 * Stores a key, and reads it back. What is there under its name stays as it is. Never throws.
 *
 * @returns whether the keychain has given it back; if it could not be asked, the clause that says why
 */
export async function storeInKeychain(
  recipient: string,
  key: string,
  environment: Environment,
  signal: AbortSignal,
): Promise<{ readonly isStored: boolean; readonly missing?: string }> {
  const keychain = keychains[process.platform];
  if (!keychain?.mayBeThere(environment)) return { isStored: false };
  const found = await keychain.read(recipient, environment, signal);
  if (found.output !== undefined) return { isStored: false };
  if (found.isMissing) return { isStored: false, missing: keychain.missing };
  // its exit code may be that of another command: `security -i` is a shell
  await keychain.store(recipient, key, environment, signal);
  const { output } = await keychain.read(recipient, environment, signal);
  return { isStored: output?.trim() === key };
}
