/**
 * An age key in the keychain of the user, by the program that the system has for it: `security` of macOS, `secret-tool` of a
 * session of Linux. Windows has none that prints an item. The file of keys then has a comment that names the item, so that nothing asks a
 * keychain in which there is no key, and a keychain that does not answer is never one without a key.
 */
import { type KeyProgram, runKeyProgram } from './key-program.ts';

type Environment = Readonly<Record<string, string | undefined>>;

/** The service of the items; the account is the public key. So several keys are kept beside each other, and none is replaced. */
const service = 'keyfall';

interface Tool {
  /** Prints the key. */
  read(recipient: string): readonly [name: string, ...args: string[]];
  /** Stores it. The key is in `input` alone: arguments can be read by other users of the machine. */
  store(
    recipient: string,
    key: string,
  ): { readonly command: readonly [name: string, ...args: string[]]; readonly input: string };
  /** Whether there may be a keychain, without asking it. */
  mayBeThere(environment: Environment): boolean;
}

const tools: Readonly<Partial<Record<NodeJS.Platform, Tool>>> = {
  linux: {
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
  },
  darwin: {
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
  },
};

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

/** What prints the key, as a command of a shell and for `SOPS_AGE_KEY_CMD`; `undefined` if this system has nothing for it. */
export function keychainCommand(recipient: string): string | undefined {
  return tools[process.platform]?.read(recipient).join(' ');
}

/** What runs to read the key; `undefined` if this system has nothing for it. */
export function keychainReader(
  recipient: string,
  environment: Environment,
): KeyProgram | undefined {
  const command = tools[process.platform]?.read(recipient);
  if (command === undefined) return undefined;
  const [name, ...args] = command;
  return { name, args, environment };
}

/**
 * Stores a key, and reads it back. Never throws.
 *
 * @returns whether the keychain has given it back
 */
export async function storeInKeychain(
  recipient: string,
  key: string,
  environment: Environment,
  signal: AbortSignal,
): Promise<boolean> {
  const tool = tools[process.platform];
  const reader = keychainReader(recipient, environment);
  if (tool === undefined || reader === undefined || !tool.mayBeThere(environment)) return false;
  const { command, input } = tool.store(recipient, key);
  const [name, ...args] = command;
  // its exit code may be that of another command: `security -i` is a shell
  await runKeyProgram({ name, args, environment, input }, signal);
  const { output } = await runKeyProgram(reader, signal);
  return output?.trim() === key;
}
