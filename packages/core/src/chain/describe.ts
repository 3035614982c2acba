/**
 * `explain` and `status` in words, for a terminal or a log. Names and stores; never a value.
 */
import { assertKind } from '../arguments/arguments.ts';
import type { ProviderAttempt } from '../contract/secret-error.ts';
import { labelOf } from '../words/label.ts';
import type { Explanation, ProviderStatus } from './secrets.ts';

/**
 * An explanation as text: which provider answered, then a line for each provider, without a final line break.
 *
 * @example
 * ```ts
 * import { describeExplanation, type Secrets } from '@keyfall/core';
 *
 * export const show = async (secrets: Secrets) =>
 *   console.log(describeExplanation(await secrets.explain('TOKEN')));
 * ```
 */
export function describeExplanation(explanation: Explanation): string {
  assertKind(explanation, 'an object', 'describeExplanation: the explanation');
  assertKind(explanation.name, 'text', 'describeExplanation: the name in the explanation');
  assertKind(
    explanation.attempts,
    'a list of objects',
    'describeExplanation: the attempts in the explanation',
  );
  const { name, provider, store, via = [], version, createdAt, freshness, attempts } = explanation;
  const facts = [
    provider === undefined
      ? 'no provider answered'
      : `from ${labelOf(provider, store ?? provider)}`,
    ...via.map((hop) => `by reference from ${hop.name} in ${labelOf(hop.provider, hop.store)}`),
    version !== undefined && `version ${version}`,
    createdAt !== undefined && `written ${new Date(createdAt).toISOString()}`,
    freshness !== 'fresh' && freshness,
  ].filter(Boolean);
  const said = attempts.map((one, index) => `  ${index + 1}. ${describeAttempt(one)}`);
  return [`${name}: ${facts.join(', ')}`, ...said].map(printable).join('\n');
}

/** The status of each provider as text, a line each. */
export function describeStatus(statuses: readonly ProviderStatus[]): string {
  assertKind(statuses, 'a list of objects', 'describeStatus: the statuses');
  return statuses
    .map(({ provider, store, standby, state, breaker, detail, names, age }) => {
      const facts = [
        standby && 'on standby',
        state === 'unknown' ? 'not asked yet' : state,
        detail,
        names !== undefined && `${names} ${names === 1 ? 'name' : 'names'}`,
        age !== undefined && `read ${ago(age)}`,
        breaker !== 'closed' && `circuit ${breaker}`,
      ].filter(Boolean);
      return printable(`${labelOf(provider, store)}: ${facts.join(', ')}`);
    })
    .join('\n');
}

function describeAttempt({ provider, store, outcome, reason, age }: ProviderAttempt): string {
  const said = {
    held: 'holds it',
    absent: reason,
    skipped: reason,
    failed: `failed: ${reason}`,
    stale: `could not be asked: ${reason}; its last good value was used`,
  }[outcome];
  // what was said just now needs no time
  return `${labelOf(provider, store)} ${said}${age === undefined || age < 1_000 ? '' : ` (${ago(age)})`}`;
}

function ago(milliseconds: number): string {
  const seconds = Math.round(milliseconds / 1_000);
  return seconds < 120 ? `${seconds} s ago` : `${Math.round(seconds / 60)} min ago`;
}

/** Names, stores and reasons may be any text: none may control a terminal or fake a line. */
function printable(line: string): string {
  return line.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, '\u{fffd}');
}
