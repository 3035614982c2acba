/**
 * Lengths of time as users write them.
 */
import { configError } from '../arguments/arguments.ts';

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
 * `toMilliseconds` of the package (`for-strangers.ts`) without a check of the option's name.
 *
 * @param duration - what the user gave
 * @param option - the option's name, for the error
 * @throws `ERR_SECRET_CONFIG` naming the option, for anything that is not a finite length >= 0
 */
export function toMilliseconds(duration: Duration, option: string): number {
  const text = typeof duration === 'string' ? duration : '';
  const [, number, unit = ''] = /^(\d+(?:\.\d+)?)(ms|[smhd])$/.exec(text) ?? [];
  const milliseconds =
    typeof duration === 'number' ? duration : Number(number) * (units[unit] ?? Number.NaN);
  if (Number.isFinite(milliseconds) && milliseconds >= 0) return milliseconds;
  throw configError(`the option ${option} is not a length of time such as '30s'`, option);
}
