/**
 * `keyfall share`: who can open the encrypted file of the chain. Each recipient is a public key, so that nothing secret passes
 * between the members of a team.
 */
import { SecretError } from '@keyfall/core';
import { labelOf, type SecretProvider } from '@keyfall/core/provider';
import type { SopsProvider, SopsShared, SopsSharing } from '@keyfall/provider-sops';
import { configuredParts, type SettingsOptions } from '../chain/settings.ts';
import { readNamedFile, readStdin } from '../files/read-input.ts';
import { untilStopped } from '../run/until-stopped.ts';
import {
  listNames,
  notice,
  printable,
  printData,
  printJson,
  report,
} from '../terminal/terminal.ts';
import { waitingFor } from '../terminal/waiting.ts';
import { announcedKey } from './announced-key.ts';
import { type Command, json, keyIn } from './command.ts';

interface ShareOptions extends SettingsOptions {
  /** Another file than that of the chain. */
  readonly file?: string;
  /** Where a new key of one's own is kept. */
  readonly keyIn?: 'keychain' | 'file';
  /** Remove one's own key. */
  readonly force?: boolean;
  /** Print one's own secret key in the place of the public one. */
  readonly secret?: boolean;
  readonly json?: boolean;
}

type Action = (given: readonly string[], options: ShareOptions) => Promise<number>;

const actions: Readonly<Record<string, Action>> = { list, add, remove, key };

/** `keyfall share`. */
export const shareCommand: Command<ShareOptions> = {
  name: 'share',
  summary: 'Show or change who can open the encrypted file.',
  arguments: [
    {
      name: '[action]',
      description: 'key prints your own public key, and makes you one if you have none',
      choices: Object.keys(actions),
      default: 'list',
    },
    {
      name: '[recipients...]',
      description: "age1…, 'ssh-ed25519 …', a file of such lines, or - for stdin",
    },
  ],
  options: [
    { flags: '--file <file>', description: 'another file that SOPS encrypted' },
    { flags: '--force', description: 'remove your own key even if it is your last one' },
    keyIn,
    {
      flags: '--secret',
      description: 'of key: print your secret key, for a safe copy or for the real sops',
      conflictsWith: ['file', 'force', 'keyIn', 'json'],
    },
    json,
  ],
  examples: [
    'keyfall share key',
    'keyfall share add age1… ~/ada.pub',
    'curl -s https://github.com/ada.keys | keyfall share add -',
    'keyfall share remove ada@laptop',
  ],
  // the parser lets no other action pass
  run([action = 'list', ...given], options) {
    if (options.secret && action !== 'key')
      throw new SecretError('ERR_SECRET_CONFIG', `--secret cannot be given to share ${action}`, {
        hint: 'Your secret key is printed by `keyfall share key --secret`.',
      });
    return (actions[action] ?? list)(given, options);
  },
};

async function list(given: readonly string[], options: ShareOptions): Promise<number> {
  assertNone(given, 'list');
  const file = await fileOf(options);
  const { recipients, others } = await file.recipients();
  if (options.json) {
    await printJson({ file: file.store, recipients, others });
    return 0;
  }
  await printData(recipients.map(({ recipient }) => `${printable(recipient)}\n`).join(''));
  const own = recipients.filter(({ isOwn }) => isOwn).map(({ recipient }) => recipient);
  report(
    `${printable(file.store)} is encrypted for ${keys(recipients.length)}. ${own.length === 0 ? 'You have none of them.' : `You have ${shown(own)}.`}`,
  );
  if (others.length > 0)
    notice(`${listNames(others)} can open it as well: sops shows by which keys.`);
  return 0;
}

async function add(given: readonly string[], options: ShareOptions): Promise<number> {
  const file = await fileOf(options);
  assertSome(given, 'add');
  const recipients = (await Promise.all(given.map(keysIn))).flat();
  return changed(file, { add: recipients }, options, ({ added, recipients: all }) => {
    const these = recipients.length === 1 ? 'this key' : 'these keys';
    report(
      added.length === 0
        ? `${printable(file.store)} is encrypted for ${these} already: nothing changed.`
        : `${printable(file.store)} is encrypted for ${shown(added)} as well, ${keys(all.length)} in all. Commit it.`,
    );
  });
}

async function remove(given: readonly string[], options: ShareOptions): Promise<number> {
  const file = await fileOf(options);
  assertSome(given, 'remove');
  const { recipients } = await file.recipients();
  const comments = recipients.map(({ recipient }) => recipient.split(/\s+/).slice(2).join(' '));
  const named = await Promise.all(
    given.map((each) => (comments.includes(each) ? [each] : keysIn(each))),
  );
  const change = { remove: named.flat(), force: options.force ?? false };
  return changed(file, change, options, ({ removed, exposed, recipients: left }) => {
    report(
      `${printable(file.store)} is no longer encrypted for ${shown(removed)}: ${keys(left.length)} left, and a new data key. Commit it.`,
    );
    if (exposed.length === 0) return;
    const [come, them] = exposed.length === 1 ? ['it comes', 'it'] : ['they come', 'them'];
    const these = removed.length === 1 ? 'this key' : 'each of these keys';
    notice(
      `change ${listNames(exposed)} where ${come} from: ${these} has opened ${them}, and still opens each older copy of the file, as in the history of git.`,
    );
  });
}

/** Prints one's own key: the public part, for the others of the team, or with `--secret` the key itself. */
async function key(given: readonly string[], options: ShareOptions): Promise<number> {
  assertNone(given, 'key');
  return untilStopped(async (signal) => {
    if (options.secret) {
      const { ownSecretAgeKey } = await import('@keyfall/provider-sops');
      await printData(`${await ownSecretAgeKey({ signal })}\n`);
      return 0;
    }
    const key = await announcedKey(options.keyIn, signal);
    if (options.json) await printJson(key);
    else await printData(`${key.recipient}\n`);
    return 0;
  });
}

/** Changes the file, says what there is to say of that, and returns the exit code. */
function changed(
  file: SopsProvider,
  change: SopsSharing,
  options: ShareOptions,
  tell: (shared: SopsShared) => void,
): Promise<number> {
  return untilStopped(async (signal) => {
    const shared = await waitingFor('encrypting', () => file.share(change, { signal }));
    tell(shared);
    const { sopsConfig } = shared;
    if (sopsConfig !== undefined)
      notice(
        `change the recipients in ${printable(sopsConfig)} as well: sops goes by them for new files, and in \`sops updatekeys\`.`,
      );
    if (options.json) await printJson({ file: file.store, ...shared });
    return 0;
  });
}

/**
 * The file that is shared: the one that `--file` names, or the first encrypted file of the chain that is not on standby.
 *
 * @throws `ERR_SECRET_CONFIG` if there is none
 */
async function fileOf(options: ShareOptions): Promise<SopsProvider> {
  if (options.file !== undefined) {
    const { sopsProvider } = await import('@keyfall/provider-sops');
    return sopsProvider({ path: options.file });
  }
  const { providers } = await configuredParts(options);
  const found = providers.find(
    ({ provider, standby }) => !standby && provider.place?.kind === 'sops',
  );
  if (found === undefined)
    throw new SecretError('ERR_SECRET_CONFIG', 'the chain has no encrypted file to share', {
      hint: 'Name one with --file, or make one of the .env with `keyfall init --local`.',
    });
  const { provider } = found;
  if (canShare(provider)) return provider;
  // a configuration that is a program may import another version of the package
  throw new SecretError(
    'ERR_SECRET_UNSUPPORTED',
    `${printable(labelOf(provider.name, provider.store))} comes from a @keyfall/provider-sops that cannot share it`,
    { hint: 'Update the package, or name the file with --file.' },
  );
}

function canShare(provider: SecretProvider): provider is SopsProvider {
  return 'share' in provider && 'recipients' in provider;
}

/**
 * The public keys that an argument stands for.
 *
 * @throws `ERR_SECRET_CONFIG` for what is neither a key nor a file of keys; without the text, which may be a secret key
 */
async function keysIn(given: string): Promise<readonly string[]> {
  if (isKey(given)) return [given.trim()];
  const isStdin = given === '-';
  const isSecret = secretKey.test(given);
  const bytes = isStdin ? await readStdin() : isSecret ? undefined : await readNamedFile(given);
  const where = isStdin ? 'stdin' : printable(given);
  if (bytes === undefined)
    throw new SecretError(
      'ERR_SECRET_CONFIG',
      isSecret
        ? 'a secret key was given as an argument, which other users of this machine may have seen'
        : /^(age1|ssh-)/.test(given)
          ? `${where} is no public key`
          : `${where} is no public key, and there is no such file`,
      {
        hint: isSecret
          ? 'Make a new key, and give its public part.'
          : 'A public key is age1…, or a line of SSH in quotes: keyfall share list shows those of the file.',
      },
    );
  const text = bytes.toString();
  if (secretKey.test(text))
    throw new SecretError('ERR_SECRET_CONFIG', `${where} holds a secret key`, {
      hint: 'Give the public part: of SSH that is the file that ends in .pub, of age the line that begins with age1.',
    });
  const lines = text
    .split(/\r?\n/)
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'));
  const usable = lines.filter(isKey);
  const other = lines.find((line) => !isKey(line) && !/^(ecdsa-|sk-|ssh-dss )/.test(line));
  if (other !== undefined || usable.length === 0)
    throw new SecretError(
      'ERR_SECRET_CONFIG',
      `${where} holds ${other === undefined ? 'no key that age can encrypt for' : 'something that is no public key'}`,
      {
        hint: 'Each line must be a key of age (age1…), or of SSH (ssh-ed25519 …, ssh-rsa …).',
      },
    );
  const left = lines.length - usable.length;
  if (left > 0)
    notice(
      `${keys(left)} of ${where} ${left === 1 ? 'is' : 'are'} of a kind that age cannot encrypt for.`,
    );
  return usable;
}

const secretKey = /AGE-SECRET-KEY-|AGE-PLUGIN-|PRIVATE KEY/i;

function isKey(text: string): boolean {
  return /^\s*(age1[a-z0-9]+|ssh-(ed25519|rsa)\s+[A-Za-z0-9+/=]+(\s.*)?)\s*$/.test(text);
}

function assertSome(given: readonly string[], action: string): void {
  if (given.length === 0)
    throw new SecretError('ERR_SECRET_CONFIG', `share ${action} takes a recipient`, {
      hint: 'Give an age1… key, an SSH key in quotes, a file of such keys, or - for stdin.',
    });
}

function assertNone(given: readonly string[], action: string): void {
  if (given.length > 0)
    throw new SecretError('ERR_SECRET_CONFIG', `share ${action} takes nothing more`, {
      hint: 'Did you mean `keyfall share add`?',
    });
}

/** Keys in a sentence: of SSH, the type with the comment that says whose it is, or with the end of the key. */
function shown(recipients: readonly string[]): string {
  return listNames(
    recipients.map((recipient) => {
      const [type = '', key = '', ...comment] = recipient.split(/\s+/);
      if (key === '') return type;
      return comment.length > 0 ? `${type} ${comment.join(' ')}` : `${type} …${key.slice(-12)}`;
    }),
  );
}

function keys(count: number): string {
  return count === 1 ? '1 key' : `${count} keys`;
}
