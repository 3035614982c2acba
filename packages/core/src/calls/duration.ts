/**
 * Lengths of time as users write them.
 */
import { assertText } from '../arguments/arguments.ts';
import { SecretError } from '../contract/secret-error.ts';

/** A length of time: milliseconds, or text such as `'250ms'`, `'30s'`, `'5m'`, `'1h'`, `'2d'`. */
export type Duration = number | `${number}${'ms' | 's' | 'm' | 'h' | 'd'}`;

const units: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};

/**
 * Milliseconds of a {@link Duration}.
 *
 * @param duration - what the user gave
 * @param option - the option's name, for the error
 * @throws `ERR_SECRET_CONFIG` naming the option, for anything that is not a finite length >= 0
 */
export function toMilliseconds(duration: Duration, option: string): number {
  assertText(option, 'toMilliseconds: the option');
  const text = typeof duration === 'string' ? duration : '';
  const match = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)$/.exec(text);
  const milliseconds =
    typeof duration === 'number'
      ? duration
      : match
        ? Number(match[1]) * (units[match[2] ?? ''] ?? Number.NaN)
        : -1;
  if (Number.isFinite(milliseconds) && milliseconds >= 0) return milliseconds;
  throw new SecretError(
    'ERR_SECRET_CONFIG',
    `the option ${option} is not a length of time such as 500, '30s' or '5m'`,
    { setting: { option } },
  );
}
