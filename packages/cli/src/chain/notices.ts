/**
 * The events of the chain as lines on stderr: falling back is never silent.
 */
import type { Secrets, SecretsEvents } from '@keyfall/core';
import { labelOf, type SecretProvider } from '@keyfall/core/provider';
import { countNames, notice, printable } from '../terminal/terminal.ts';

/** Prints the events of a chain of these providers. */
export function announceEvents(secrets: Secrets, providers: readonly SecretProvider[]): void {
  const storeOf = (name: string) =>
    providers.find((provider) => provider.name === name)?.store ?? name;
  secrets.on('fallback', (event) => notice(fallbackNotice(event, storeOf)));
  secrets.on('recovered', ({ provider }) => notice(`${provider} answers again.`));
  secrets.on('warning', ({ provider, message }) => notice(`${provider}: ${message}`));
}

/** One sentence on which provider failed and why, one on what answered instead. */
function fallbackNotice(
  event: SecretsEvents['fallback'],
  storeOf: (provider: string) => string,
): string {
  const { provider, store, reason, detail, answeredBy, names } = event;
  const what = names.length === 1 ? printable(names[0] ?? '') : countNames(names.length);
  const come = names.length === 1 ? 'comes' : 'come';
  const instead =
    answeredBy === 'none'
      ? 'No other provider that was asked holds it.'
      : answeredBy === 'last-good'
        ? `${what} ${come} from its last good value.`
        : `${what} ${come} from ${storeOf(answeredBy)}.`;
  const said = {
    unavailable: `could not be asked: ${detail}`,
    denied: `denied: ${detail}`,
    'missing-document': detail,
    unconfigured: detail,
  }[reason];
  return `${labelOf(provider, store)} ${said}. ${instead}`;
}
