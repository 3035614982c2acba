/**
 * What is looked at, and the lines that several checks have.
 */
import { failedCheck, isSecretError, type ProviderCheck } from '@keyfall/core/provider';
import type { KvDocumentStore } from '../kv/kv-document.ts';
import type { KvMount } from '../kv/kv-mount.ts';
import type { VaultClient } from '../session/vault-client.ts';
import type { VaultSettings } from '../settings/vault-settings.ts';

/** What is looked at. */
export interface CheckedVault {
  readonly settings: VaultSettings;
  readonly client: VaultClient;
  readonly mount: KvMount;
  readonly documents: readonly KvDocumentStore[];
}

/** The line for whatever was thrown where something was looked at. */
export function failing(subject: string, error: unknown, code?: string): ProviderCheck {
  return isSecretError(error)
    ? failedCheck(subject, error, code)
    : { subject, state: 'failing', message: 'could not be looked at', code: 'not-looked-at' };
}

/** The line for a token without the default policy, which may well be allowed the rest. */
export const mayNotAsk: ProviderCheck = {
  subject: 'policy',
  state: 'unknown',
  message: 'the token may not ask what it may do',
  code: 'may-not-ask',
};

/** A rule as a policy has it. */
export function rule(path: string, capabilities: readonly string[]): string {
  return `path ${JSON.stringify(path)} { capabilities = ${JSON.stringify(capabilities).replaceAll(',', ', ')} }`;
}
