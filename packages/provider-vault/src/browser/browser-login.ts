/**
 * A login in a browser, by OpenID Connect: the server names the page of the identity provider, the browser comes back to
 * this process with a code, and the server changes that for a token. https://openbao.org/api-docs/auth/jwt
 */
import { randomBytes } from 'node:crypto';
import {
  type Duration,
  limitedCall,
  type ReadContext,
  SecretError,
  type SecretErrorCode,
  systemClock,
  toMilliseconds,
} from '@keyfall/core/provider';
import { classify } from '../answers/classify-result.ts';
import { openWire } from '../http/open-wire.ts';
import { checkOptions } from '../settings/check-options.ts';
import { vaultOptionsSchema } from '../settings/options-schema.ts';
import type { VaultConnectionOptions } from '../settings/vault-options.ts';
import { readerOf, resolveClient } from '../settings/vault-settings.ts';
import { encodePath } from '../wire/vault-path.ts';
import type { WireRequest } from '../wire/vault-wire.ts';
import { type Callback, listenForCallback } from './callback-server.ts';

/** Options of {@link browserLogin}: where the server is, as in `vaultProvider`, and how to log in. */
export interface BrowserLoginOptions
  extends Omit<VaultConnectionOptions, 'token' | 'auth' | 'countedUses' | 'consistency' | 'clock'> {
  /** The role. Left out: the method's default role. */
  readonly role?: string | undefined;
  /** Where the method is enabled. Default `oidc`. */
  readonly mount?: string | undefined;
  /**
   * The port of this machine to which the browser comes back. Default 8250, as of `bao login` and `vault login`:
   * `http://localhost:8250/oidc/callback` must be among the role's `allowed_redirect_uris`.
   */
  readonly port?: number | undefined;
  /** Is called with the page to open: opens a browser, or shows the address. */
  readonly open: (page: string) => void | Promise<void>;
  /** How long to wait for the browser. Default 5 min. */
  readonly waitFor?: Duration | undefined;
  /** Ends the login with `ERR_SECRET_ABORTED`. */
  readonly signal?: AbortSignal | undefined;
}

/** The token of a login. */
export interface BrowserLogin {
  /** A secret. */
  readonly token: string;
  /** Milliseconds that it is good for; `undefined`: it does not end. */
  readonly duration: number | undefined;
  /** The policies that it has. */
  readonly policies: readonly string[];
}

/**
 * Logs a person in, in a browser.
 *
 * @throws `ERR_SECRET_CONFIG` for a wrong option, a role that does not exist, an address to come back to that the role does
 *   not allow, or a port that is in use; `ERR_SECRET_UNAUTHENTICATED` if the identity provider or the server refuses;
 *   `ERR_SECRET_UNAVAILABLE` if the server cannot be asked, or the browser does not come back in time;
 *   `ERR_SECRET_ABORTED`
 * @example
 * ```ts
 * import { browserLogin } from '@keyfall/provider-vault/login';
 *
 * const { token } = await browserLogin({
 *   role: 'developer',
 *   open: (page) => console.error(`Open ${page}`),
 * });
 * ```
 */
export async function browserLogin(options: BrowserLoginOptions): Promise<BrowserLogin> {
  const { role, mount = 'oidc', port = 8250, open, waitFor, signal, ...connection } = options;
  checkOptions(options, 'browserLogin', vaultOptionsSchema, {
    role: 'text',
    port: 'anything',
    open: 'a function',
    waitFor: 'anything',
    signal: 'an AbortSignal',
  });
  if (typeof open !== 'function')
    throw wrongOption('open', 'is missing', 'Give a function that opens the page it gets.');
  if (!Number.isInteger(port) || port < 1 || port > 65_535)
    throw wrongOption('port', 'is no port', 'Give a number from 1 to 65535, or leave it out.');
  const given = { ...connection, token: { agent: true } } as const;
  const settings = resolveClient(given, readerOf(given), new Set());
  const { name: provider, namespace } = settings;
  const { origin } = settings.address;
  const wire = openWire(settings);
  const method = `auth/${encodePath(mount)}/oidc`;
  const failed = (code: SecretErrorCode, reason: string, hint: string, option?: string) =>
    new SecretError(code, reason, { provider, hint, ...(option && { setting: { option } }) });

  /**
   * What the server answers. Nothing is logged in yet, so no token is sent.
   * @param refused - what it means that the server finds fault with the request
   */
  async function ask(
    request: WireRequest,
    { signal, remainingTimeout, warn }: ReadContext,
    refused: () => SecretError,
  ): Promise<Readonly<Record<string, unknown>>> {
    const result = await wire.send(request, { signal, remainingTimeout, warn, namespace });
    if (result.kind === 'answer' && result.status === 400) throw refused();
    const subject = { provider, origin, namespace, mount, place: method };
    const found = classify(result, subject, request.verb);
    if (found.kind === 'ok') return found.answer.body ?? {};
    if (found.kind === 'error') throw found.error;
    // without a token 403 is the answer for what is no login
    throw failed(
      'ERR_SECRET_CONFIG',
      `${origin} has no login in a browser at ${method}`,
      'Enable it with `bao auth enable oidc`, or name its mount and its namespace.',
      'mount',
    );
  }

  const timeout = settings.timeout ?? 10_000;
  const limited = <Result>(work: (context: ReadContext) => Promise<Result>) =>
    limitedCall(work, { clock: systemClock, timeout, signal, provider });
  const wait = toMilliseconds(waitFor ?? '5m', 'waitFor');
  const server = await listenForCallback(port, provider);
  try {
    const redirect = `http://localhost:${port}/oidc/callback`;
    const nonce = randomBytes(20).toString('hex');
    const body = JSON.stringify({ role, redirect_uri: redirect, client_nonce: nonce });
    const noRole = () =>
      failed(
        'ERR_SECRET_CONFIG',
        `the role does not exist, or does not let the browser come back to ${redirect}`,
        'Add that address to allowed_redirect_uris of the role, and name the role.',
        'role',
      );
    const { data } = await limited((context) =>
      ask({ verb: 'write', path: `${method}/auth_url`, body }, context, noRole),
    );
    const page = (data as { readonly auth_url?: unknown } | undefined)?.auth_url;
    // what is handed to a browser must be an address of the web, whatever the server says
    if (typeof page !== 'string' || !/^https?:\/\//.test(page) || !URL.canParse(page))
      throw noRole();
    const state = new URL(page).searchParams.get('state') ?? '';
    // a browser may be back before it is said that it was opened
    const coming = limitedCall((context) => server.next(state, context.signal), {
      clock: systemClock,
      timeout: wait,
      signal,
      provider,
    });
    coming.catch(() => {});
    await open(page);
    const callback = await coming;
    const query = new URLSearchParams({ state, code: codeOf(callback), client_nonce: nonce });
    const request = {
      verb: 'read',
      path: `${method}/callback?${query}`,
      notIdempotent: true,
    } as const;
    const answer = await limited((context) =>
      ask(request, context, () =>
        failed(
          'ERR_SECRET_UNAUTHENTICATED',
          `${origin} does not accept who has logged in`,
          'Compare the claims of the role with who it was; the log of the server says more.',
        ),
      ),
    );
    return grantOf(answer);
  } finally {
    server.close();
    wire.close();
  }

  function codeOf({ code, refusal }: Callback): string {
    if (code !== undefined) return code;
    throw failed(
      'ERR_SECRET_UNAUTHENTICATED',
      `the identity provider refused the login${refusal === undefined ? '' : ` (${refusal})`}`,
      'Log in again; if it refuses again, ask who runs it.',
    );
  }

  function grantOf({ auth }: Readonly<Record<string, unknown>>): BrowserLogin {
    const { client_token, lease_duration, token_policies } = Object(auth) as Record<
      string,
      unknown
    >;
    if (typeof client_token !== 'string' || client_token === '')
      throw failed(
        'ERR_SECRET_INVALID',
        `${origin} did not answer the login with a token`,
        'Something else may answer in its place: check the option address (variable VAULT_ADDR).',
      );
    return {
      token: client_token,
      duration:
        typeof lease_duration === 'number' && lease_duration > 0
          ? lease_duration * 1_000
          : undefined,
      policies: [token_policies].flat().filter((each) => typeof each === 'string'),
    };
  }
}

function wrongOption(option: keyof BrowserLoginOptions, what: string, hint: string): SecretError {
  return new SecretError('ERR_SECRET_CONFIG', `browserLogin: the option ${option} ${what}`, {
    setting: { option },
    hint,
  });
}
