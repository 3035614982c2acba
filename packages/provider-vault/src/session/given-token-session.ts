/**
 * A token that something else keeps alive: an agent or `vault login` in a file, the program itself in a function, or
 * an agent in between, which has one of its own and is sent none.
 */
import { isAbsolute, join } from 'node:path';
import { type Clock, isSecretError, type ReadContext, SecretError } from '@keyfall/core/provider';
import { readSettingFile } from '../environment/setting-files.ts';
import { checkToken, type TokenSetting } from '../settings/token-setting.ts';
import { beforeAbort } from '../wire/bounds.ts';
import type { SessionToken, TokenListener, VaultSession } from './session-token.ts';

/** Tokens that are not ours to keep alive. */
type GivenSetting = Exclude<TokenSetting, { kind: 'text' | 'login' }>;

/** Milliseconds that a file may be without a token before a warning says so: its writer may be slow. */
const longestRewrite = 30_000;

/** Milliseconds between looks for another token in the place of a refused one. */
const lookPause = 100;

/** How often it is looked for: as long as a chain repeats a refusal by itself. */
const mostLooks = 10;

/**
 * The file, or the function, is read for every request. Its tokens are neither renewed nor revoked. A file that is
 * empty or gone leaves the last token in use: it may be about to be written, and the server knows whether that token
 * is good.
 */
export function givenTokenSession(
  setting: GivenSetting,
  provider: string,
  clock: Clock,
): VaultSession {
  const listeners = new Set<TokenListener>();
  let current: SessionToken | undefined;
  /** Since when there is no token, on the monotonic clock. */
  let lackingSince: number | undefined;
  let endLooking: (() => void) | undefined;
  let isClosed = false;

  async function read({ warn }: Pick<ReadContext, 'warn'>): Promise<SessionToken> {
    const text = await readToken(setting, provider);
    const previous = current;
    if (typeof text !== 'string') {
      if (previous === undefined) throw text.error;
      lackingSince ??= clock.monotonic();
      if (clock.monotonic() - lackingSince >= longestRewrite)
        warn(
          `${text.error.reason}, and the token that was there before is used until there is one`,
        );
      return previous;
    }
    lackingSince = undefined;
    if (previous?.text === text) return previous;
    const next: SessionToken = {
      text,
      epoch: (previous?.epoch ?? 0) + 1,
      revocable: false,
      remaining: () => Number.POSITIVE_INFINITY,
    };
    current = next;
    // the writer of the file decides what becomes of the old one: it is not waited for
    if (previous) for (const listener of listeners) void listener(next, previous).catch(() => {});
    return next;
  }

  /** While a chain repeats the refusal, no request reads the file: another token in it must be noticed all the same. */
  function lookForAnother(refused: string, askAgain: ReadContext['askAgain'], looks = 0): void {
    if (askAgain === undefined || isClosed || looks === mostLooks) return;
    if (looks === 0 && endLooking) return;
    const look = async () => {
      endLooking = undefined;
      // one that is not there, or is no token, is an error of the next request
      const text = await readToken(setting, provider).catch(() => undefined);
      if (typeof text === 'string' && text !== refused) askAgain();
      else lookForAnother(refused, askAgain, looks + 1);
    };
    endLooking = clock.schedule(() => void look(), lookPause, true);
  }

  return {
    token: (context) => beforeAbort(read(context), context.signal, provider),
    async replace(refused, context) {
      const token = await read(context);
      if (token.text !== refused.text) return token;
      lookForAnother(refused.text, context.askAgain);
      return undefined;
    },
    onReplaced(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    async close() {
      isClosed = true;
      endLooking?.();
      listeners.clear();
    },
  };
}

/** Why there is no token to send, where one may follow. */
interface Lack {
  readonly error: SecretError;
}

/**
 * The token to send now, or why there is none.
 *
 * @throws `ERR_SECRET_CONFIG` for what cannot be a token
 */
async function readToken(setting: GivenSetting, provider: string): Promise<string | Lack> {
  if (setting.kind === 'agent') return '';
  const isHelper = setting.kind === 'helper';
  const configError = (what: string, hint: string, isMissing = false) =>
    new SecretError('ERR_SECRET_CONFIG', what, {
      provider,
      hint,
      setting: { option: 'token', ...(isMissing && { isMissing }) },
    });
  if (setting.kind === 'function') {
    try {
      const text = await setting.read();
      return checkToken(typeof text === 'string' ? text : '', (what, hint) =>
        configError(`the token of the option token ${what}`, hint),
      );
    } catch (error) {
      // the message of another error may hold anything
      if (isSecretError(error)) throw error;
      const hint = 'Let it throw a SecretError to say why.';
      const reason = 'the function of the option token has failed';
      return { error: new SecretError('ERR_SECRET_UNAVAILABLE', reason, { provider, hint }) };
    }
  }
  const from = isHelper ? 'the token helper' : setting.from;
  const file = setting.file ?? (await helperFile());
  if (file === undefined)
    return {
      error: configError(
        'the token helper has no file: the home folder of this user is not known',
        'Set HOME, or VAULT_TOKEN.',
        true,
      ),
    };
  // a token in the place of a path is an easy mistake
  const shown = isHelper || isAbsolute(file) ? ` ${file}` : '';
  let text: string;
  try {
    text = await readSettingFile(file);
  } catch (error) {
    const { code = '' } = error as NodeJS.ErrnoException;
    const reason =
      reasons[code] ??
      (code === '' ? 'it is no file, or one of more than 16 MiB' : `the system answers ${code}`);
    return {
      error: configError(
        `the token file${shown} of ${from} cannot be read: ${reason}`,
        isHelper
          ? 'Log in with vault login or bao login, or set VAULT_TOKEN.'
          : 'Check its path and mode.',
        code === 'ENOENT' || code === 'ENOTDIR',
      ),
    };
  }
  const invalid = (what: string, hint: string) => configError(`the token of ${from} ${what}`, hint);
  if (text.trim() !== '') return checkToken(text, invalid);
  return { error: invalid('is empty', 'A token is one line of printable ASCII without blanks.') };
}

async function helperFile(): Promise<string | undefined> {
  const { homeFolder } = await import('@keyfall/core/provider/files');
  const home = homeFolder();
  return home === undefined ? undefined : join(home, '.vault-token');
}

const reasons: Readonly<Record<string, string>> = {
  ENOENT: 'there is none',
  ENOTDIR: 'there is none',
  EACCES: 'this user may not read it',
};
