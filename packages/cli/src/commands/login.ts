/**
 * `keyfall login`: a person logs in to Vault in a browser, and the token is kept where `vault login` keeps it.
 */
import { join } from 'node:path';
import { SecretError } from '@keyfall/core';
import { homeFolder, programFile } from '@keyfall/core/provider/files';
import { writeProblem } from '@keyfall/core/provider/files/write';
import { clientVariable } from '../config/client-variable.ts';
import { replacePrivateFile } from '../files/replace-private-file.ts';
import { inheritedPart } from '../run/child-environment.ts';
import { untilStopped } from '../run/until-stopped.ts';
import { listNames, printable, printData, report } from '../terminal/terminal.ts';
import { waitingFor } from '../terminal/waiting.ts';
import type { Command } from './command.ts';

interface LoginOptions {
  readonly role?: string;
  readonly mount?: string;
  readonly port?: string;
  /** `false`: the page is printed. */
  readonly browser?: boolean;
}

/** `keyfall login`. */
export const loginCommand: Command<LoginOptions> = {
  name: 'login',
  summary: 'Log in to Vault in a browser (OpenID Connect), and keep the token.',
  options: [
    { flags: '--role <role>', description: "the role (default: the method's default role)" },
    { flags: '--mount <path>', description: 'where the method is enabled (default: oidc)' },
    {
      flags: '--port <port>',
      description: 'the port of this machine to which the browser comes back (default: 8250)',
    },
    { flags: '--no-browser', description: 'print the page, and open none' },
  ],
  examples: ['keyfall login', 'keyfall login --role developer', 'keyfall get TOKEN --token-helper'],
  run: (_args, options) => untilStopped((signal) => login(options, signal)),
};

/**
 * Logs in, and writes the token.
 *
 * @throws `ERR_SECRET_CONFIG` if the environment names no server, or there is no place for the token; as `browserLogin`
 */
async function login(
  { role, mount, port, browser = true }: LoginOptions,
  signal: AbortSignal,
): Promise<number> {
  // not from a .env: it may be a stranger's, and the token that is there would be lost to a stranger's server
  const address = clientVariable(process.env, 'ADDR')?.value;
  if (!address)
    throw new SecretError('ERR_SECRET_CONFIG', 'the environment does not say where Vault is', {
      setting: { variable: 'VAULT_ADDR', isMissing: true },
      hint: 'Set VAULT_ADDR in the environment; a .env does not count here.',
    });
  const file = tokenFile();
  const { browserLogin } = await import('@keyfall/provider-vault/login');
  const open = async (page: string) => {
    if (browser && (await openBrowser(page)))
      report(`the login goes on in your browser, at ${printable(page)}`);
    else await printData(`${printable(page)}\n`);
  };
  const { token, policies } = await waitingFor('waiting for the browser', () =>
    browserLogin({
      signal,
      open,
      ...(role !== undefined && { role }),
      ...(mount !== undefined && { mount }),
      ...(port !== undefined && { port: Number(port) }),
    }),
  );
  await replacePrivateFile(file, token).catch((error: unknown) => {
    throw writeProblem({ path: file, shown: file, provider: 'keyfall' }, error);
  });
  const rights = policies.length === 0 ? '' : `, with ${listNames(policies)}`;
  report(
    `logged in to ${printable(address)}${rights}. The token is in ${printable(file)}: commands use it with --token-helper.`,
  );
  return 0;
}

/** Where `vault login` keeps a token. */
function tokenFile(): string {
  const named = clientVariable(process.env, 'TOKEN_PATH')?.value;
  if (named) return named;
  const home = homeFolder();
  if (home !== undefined) return join(home, '.vault-token');
  throw new SecretError(
    'ERR_SECRET_CONFIG',
    'there is no place for a token: the home folder of this user is not known',
    { setting: { variable: 'HOME', isMissing: true }, hint: 'Set HOME, or VAULT_TOKEN_PATH.' },
  );
}

/** What opens a page, by system. */
const openers: Readonly<Partial<Record<NodeJS.Platform, readonly [string, ...string[]]>>> = {
  darwin: ['open'],
  win32: ['rundll32', 'url.dll,FileProtocolHandler'],
};

/** Opens the page in the user's browser; `false` if there is none. */
async function openBrowser(page: string): Promise<boolean> {
  const [name, ...args] = openers[process.platform] ?? ['xdg-open'];
  const program = programFile(name);
  if (program === undefined) return false;
  const { spawn } = process.getBuiltinModule('node:child_process');
  const child = spawn(program, [...args, page], {
    // a browser needs no token of ours
    env: inheritedPart({ inherited: process.env }),
    stdio: 'ignore',
    detached: true,
  });
  child.unref();
  return new Promise((resolve) => {
    child.once('spawn', () => resolve(true));
    child.once('error', () => resolve(false));
  });
}
