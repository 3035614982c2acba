/**
 * Reads a credential from where it is kept, at each login again.
 */
import { isSecretError, SecretError } from '@keyfall/core/provider';
import { readSettingFile } from '../environment/setting-files.ts';
import type { Variables } from '../environment/vault-variables.ts';
import type { CredentialSource } from './vault-auth.ts';

/** Who reads it, and from where. */
export interface CredentialReader {
  readonly provider: string;
  readonly env: Variables;
  /** Gets the name of each variable that a credential came from. */
  readonly credentialVariables: Set<string>;
}

/** @throws see `VaultLoginContext.read` */
export async function readCredential(
  source: CredentialSource,
  what: string,
  reader: CredentialReader,
): Promise<string> {
  const { provider } = reader;
  const { text, from, variable } = await textOf(source, what, reader);
  if (typeof text === 'string' && text.trim() !== '') return text;
  const isMissing = text === undefined;
  throw new SecretError(
    'ERR_SECRET_CONFIG',
    isMissing ? `there is no ${from} for ${what}` : `${what} (${from}) is empty`,
    {
      provider,
      hint: `The login needs ${what}.`,
      setting: { option: 'auth', ...(variable && { variable }), ...(isMissing && { isMissing }) },
    },
  );
}

async function textOf(
  source: CredentialSource,
  what: string,
  { provider, env, credentialVariables }: CredentialReader,
): Promise<{ readonly text: unknown; readonly from: string; readonly variable?: string }> {
  if (typeof source === 'string') return { text: source, from: 'an option' };
  if (typeof source === 'function') {
    try {
      return { text: await source(), from: 'what the function returned' };
    } catch (error) {
      // its message may hold anything
      if (isSecretError(error)) throw error;
      throw new SecretError(
        'ERR_SECRET_UNAVAILABLE',
        `the function that gives ${what} has failed`,
        {
          provider,
          hint: 'Let it throw a SecretError to say why.',
        },
      );
    }
  }
  // a configuration that leaves it out must not pass for a store that is down
  const { env: variable, file }: { readonly env?: unknown; readonly file?: unknown } = {
    ...(source as object | null | undefined),
  };
  if (typeof variable === 'string') {
    // shown only as what it should be: its value in its place is an easy mistake
    const isName = /^[A-Z_][A-Z\d_]*$/.test(variable);
    const text = env[variable];
    if (text !== undefined) credentialVariables.add(variable);
    return isName
      ? { text, from: `variable ${variable}`, variable }
      : { text, from: 'variable of that name' };
  }
  // a number would be a file that is open already
  if (typeof file !== 'string') return { text: undefined, from: 'option' };
  try {
    const text = await readSettingFile(file);
    return { text: text.replace(/\r?\n$/, ''), from: 'a file' };
  } catch (error) {
    const isMissing = (error as NodeJS.ErrnoException).code === 'ENOENT';
    throw new SecretError('ERR_SECRET_CONFIG', `the file of ${what} cannot be read`, {
      provider,
      hint: 'Check its path and mode.',
      setting: { option: 'auth', ...(isMissing && { isMissing }) },
    });
  }
}
