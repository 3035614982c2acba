/**
 * What was found about one thing that the secrets depend on, and how it is fixed.
 */
import { isSecretError, type SecretErrorCode } from '@keyfall/core';
import {
  failedCheck,
  labelOf,
  type ProviderCheck,
  type SecretProvider,
} from '@keyfall/core/provider';
import { oneCall } from '../chain/one-call.ts';
import { countNames } from '../terminal/terminal.ts';
import { commandFor } from './remedies.ts';
import type { Shell } from './typing.ts';

/** One line of `doctor`. */
export interface Finding extends ProviderCheck {
  /** One command that fixes it, ready to be typed but for what is in capitals. */
  readonly command?: string;
}

/** All that was found about a provider, or about what stands around them. */
export interface Diagnosis {
  /** `vault (https://vault.example:8200 secret/shop)`, `this machine`. */
  readonly about: string;
  readonly findings: readonly Finding[];
  /** Why no secret can be read from it; missing where that works, or is not what it is about. */
  readonly code?: SecretErrorCode;
}

/**
 * Looks at a provider. Nothing is read from one that is in order.
 *
 * @param shell - where the commands are typed
 */
export async function diagnoseProvider(provider: SecretProvider, shell: Shell): Promise<Diagnosis> {
  const about = labelOf(provider.name, provider.store);
  const { findings, code } = await askProvider(provider);
  const { kind, address } = provider.place ?? {};
  return {
    about,
    findings: findings.map((finding) =>
      withCommand(finding, { ...shell, address: kind === 'vault' ? address : undefined }),
    ),
    ...(code !== undefined && { code }),
  };
}

/** The finding with the command that fixes it, where there is one. */
export function withCommand(finding: Finding, shell: Shell): Finding {
  if (finding.state === 'ready') return finding;
  const known = commandFor(finding, shell);
  if (known === undefined) return finding;
  const { hint, ...rest } = finding;
  return { ...(known.isAll || hint === undefined ? rest : finding), command: known.command };
}

/** How long a chain gives to a read, in milliseconds: the code is what `get` would end with. */
const readTimeout = 2_500;

type Answer = Pick<Diagnosis, 'findings' | 'code'>;

async function askProvider(provider: SecretProvider): Promise<Answer> {
  const { check } = provider;
  if (check === undefined) return readIt(provider);
  try {
    const findings = await oneCall(provider, (context) => check.call(provider, context), {
      silent: true,
    });
    if (!findings.some(({ state }) => state === 'failing')) return { findings };
    // Whether a fault keeps the secrets from being read, only a read can say. What that makes on a
    // server (a dynamic secret) is revoked when the chain is closed.
    const { code } = await readIt(provider, readTimeout);
    return { findings, ...(code !== undefined && { code }) };
  } catch (error) {
    return failed('check', error);
  }
}

/** What a read says, of a provider without a check. */
async function readIt(provider: SecretProvider, timeout?: number): Promise<Answer> {
  try {
    const { entries, missingDocument } = await oneCall(
      provider,
      (context) => provider.read('all', context),
      { silent: true, ...(timeout !== undefined && { timeout }) },
    );
    for (const entry of entries.values()) if (isSecretError(entry)) throw entry;
    const message = missingDocument?.description ?? `holds ${countNames(entries.size)}`;
    const isMissing = missingDocument !== undefined && !missingDocument.optional;
    const finding: Finding = isMissing
      ? { subject: 'content', state: 'failing', message, code: 'content-missing' }
      : { subject: 'content', state: 'ready', message };
    return { findings: [finding] };
  } catch (error) {
    return failed('content', error);
  }
}

function failed(subject: string, error: unknown): Answer {
  if (!isSecretError(error)) throw error;
  // a provider reads its settings at its first call
  const about = error.code === 'ERR_SECRET_CONFIG' ? 'settings' : subject;
  return { findings: [failedCheck(about, error)], code: error.code };
}
