/**
 * A token that somebody else keeps alive: an agent or `vault login` in a file, a configured client, or an
 * agent in between, which has one of its own and is sent none.
 */
import { homedir } from 'node:os';
import { join } from 'node:path';
import { SecretError } from '@keyfall/core';
import { abortError } from './aborting.ts';
import type { SessionToken, TokenListener, VaultSession } from './session-token.ts';
import { readSettingFile } from './setting-files.ts';
import { checkToken, type TokenSetting } from './vault-settings.ts';

/** Tokens that are not ours to keep alive. */
type FileSetting = Exclude<TokenSetting, { kind: 'text' | 'login' }>;

/** The file, or the client, is read for every request. Its tokens are neither renewed nor revoked. */
export function tokenFileSession(setting: FileSetting, provider: string): VaultSession {
  const listeners = new Set<TokenListener>();
  let current: SessionToken | undefined;

  async function read(): Promise<SessionToken> {
    const text = await readToken(setting, provider);
    const previous = current;
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

  return {
    get current() {
      return current;
    },
    async token({ signal }) {
      const token = await read();
      if (signal.aborted) throw abortError(signal, provider);
      return token;
    },
    async replace(refused) {
      const token = await read();
      return token.text === refused.text ? undefined : token;
    },
    onReplaced(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    async close() {
      listeners.clear();
    },
  };
}

/**
 * The token to send now.
 *
 * @throws `ERR_SECRET_CONFIG` for a file that cannot be read, and for what cannot be a token
 */
async function readToken(setting: FileSetting, provider: string): Promise<string> {
  const wrong = (what: string, hint: string) =>
    new SecretError('ERR_SECRET_CONFIG', what, { provider, hint });
  if (setting.kind === 'agent') return '';
  if (setting.kind === 'client') return checkToken(setting.read(), 'the option client', wrong);
  const helper = setting.kind === 'helper';
  const from = helper ? 'the token helper' : setting.from;
  const file = setting.file ?? join(homedir(), '.vault-token');
  let text: string;
  try {
    text = await readSettingFile(file);
  } catch {
    throw wrong(
      `the token file of ${from} cannot be read`,
      helper
        ? 'Log in with vault login or bao login, or set VAULT_TOKEN.'
        : 'Check its path and mode.',
    );
  }
  return checkToken(text, from, wrong);
}
