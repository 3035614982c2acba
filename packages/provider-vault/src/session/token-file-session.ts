/**
 * A token that somebody else keeps alive: an agent or `vault login` in a file, a configured client, or an
 * agent in between, which has one of its own and is sent none.
 */
import { homedir } from 'node:os';
import { isAbsolute, join } from 'node:path';
import { type Clock, SecretError } from '@keyfall/core';
import type { ReadContext } from '@keyfall/core/provider';
import { readSettingFile } from '../environment/setting-files.ts';
import { checkToken, type TokenSetting } from '../settings/vault-settings.ts';
import { abortError } from '../wire/aborting.ts';
import type { SessionToken, TokenListener, VaultSession } from './session-token.ts';

/** Tokens that are not ours to keep alive. */
type FileSetting = Exclude<TokenSetting, { kind: 'text' | 'login' }>;

/** Milliseconds that a file may be without a token before that is told: whoever writes it may be slow. */
const longestRewrite = 30_000;

/** Milliseconds between looks for another token in the place of a refused one. */
const lookPause = 100;

/** How often it is looked for: as long as a chain repeats a refusal by itself. */
const mostLooks = 10;

/**
 * The file, or the client, is read for every request. Its tokens are neither renewed nor revoked. A file that
 * is empty or gone leaves the last token in use: it may be about to be written, and the server knows whether
 * that token is good.
 */
export function tokenFileSession(
  setting: FileSetting,
  provider: string,
  clock: Clock,
): VaultSession {
  const listeners = new Set<TokenListener>();
  let current: SessionToken | undefined;
  /** Since when the file holds no token, on the monotonic clock. */
  let lacking: number | undefined;
  let endLooking: (() => void) | undefined;
  let closed = false;

  async function read({ warn }: Pick<ReadContext, 'warn'>): Promise<SessionToken> {
    const text = await readToken(setting, provider);
    const previous = current;
    if (typeof text !== 'string') {
      if (previous === undefined) throw text.error;
      lacking ??= clock.monotonic();
      if (clock.monotonic() - lacking >= longestRewrite)
        warn(
          `${text.error.reason}, and the token that was there before is used until there is one`,
        );
      return previous;
    }
    lacking = undefined;
    if (previous?.text === text) return previous;
    const next: SessionToken = {
      text,
      epoch: (previous?.epoch ?? 0) + 1,
      revocable: false,
      remaining: () => Number.POSITIVE_INFINITY,
    };
    current = next;
    // whoever wrote the file decides what becomes of the old one: nobody waits for them
    if (previous) for (const listener of listeners) void listener(next, previous).catch(() => {});
    return next;
  }

  /** While a chain repeats the refusal nobody reads the file: another token in it must be noticed all the same. */
  function lookForAnother(refused: string, askAgain: ReadContext['askAgain'], looks = 0): void {
    if (askAgain === undefined || closed || looks === mostLooks) return;
    if (looks === 0 && endLooking) return;
    const look = async () => {
      endLooking = undefined;
      // one that is not there, or is no token, is told to whoever reads it for a request
      const text = await readToken(setting, provider).catch(() => undefined);
      if (typeof text === 'string' && text !== refused) askAgain();
      else lookForAnother(refused, askAgain, looks + 1);
    };
    endLooking = clock.schedule(() => void look(), lookPause, true);
  }

  return {
    get current() {
      return current;
    },
    async token(context) {
      const { signal } = context;
      const token = await read(context);
      if (signal.aborted) throw abortError(signal, provider);
      return token;
    },
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
      closed = true;
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
 * The token to send now, or why the file holds none.
 *
 * @throws `ERR_SECRET_CONFIG` for what cannot be a token
 */
async function readToken(setting: FileSetting, provider: string): Promise<string | Lack> {
  const wrong = (what: string, hint: string) =>
    new SecretError('ERR_SECRET_CONFIG', what, { provider, hint });
  if (setting.kind === 'agent') return '';
  if (setting.kind === 'client') return checkToken(setting.read(), 'the option client', wrong);
  const helper = setting.kind === 'helper';
  const from = helper ? 'the token helper' : setting.from;
  const file = setting.file ?? join(homedir(), '.vault-token');
  // a token in the place of a path is an easy mistake
  const shown = helper || isAbsolute(file) ? ` ${file}` : '';
  let text: string;
  try {
    text = await readSettingFile(file);
  } catch (error) {
    const { code = '' } = error as NodeJS.ErrnoException;
    const lack = wrong(
      `the token file${shown} of ${from} cannot be read: ${reasons[code] ?? (code === '' ? 'it is no file, or one of more than 16 MiB' : `the system answers ${code}`)}`,
      helper
        ? 'Log in with vault login or bao login, or set VAULT_TOKEN.'
        : 'Check its path and mode.',
    );
    return { error: lack };
  }
  if (text.trim() !== '') return checkToken(text, from, wrong);
  const hint = 'A token is one line of printable ASCII without blanks.';
  return { error: wrong(`the token of ${from} is empty`, hint) };
}

const reasons: Readonly<Record<string, string>> = {
  ENOENT: 'there is none',
  ENOTDIR: 'there is none',
  EACCES: 'this user may not read it',
};
