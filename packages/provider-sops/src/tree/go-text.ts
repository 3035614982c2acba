/**
 * How Go writes and reads numbers, booleans and times. The MAC of a file is computed over these texts, so that one wrong
 * character makes a valid file look tampered with.
 */
import type { Scalar, Timestamp } from './sops-tree.ts';

/** `strconv.FormatFloat(value, 'f', -1, 64)`: the shortest digits, without exponent. */
export function formatFloat(value: number): string {
  if (Number.isNaN(value)) return 'NaN';
  if (!Number.isFinite(value)) return value > 0 ? '+Inf' : '-Inf';
  const sign = value < 0 || Object.is(value, -0) ? '-' : '';
  const [digits = '', exponent] = String(Math.abs(value)).split('e');
  if (exponent === undefined) return sign + digits;
  const [whole = '', fraction = ''] = digits.split('.');
  const point = whole.length + Number(exponent);
  const all = whole + fraction;
  if (point <= 0) return `${sign}0.${'0'.repeat(-point)}${all}`;
  if (point >= all.length) return sign + all.padEnd(point, '0');
  return `${sign}${all.slice(0, point)}.${all.slice(point)}`;
}

/** `strconv.ParseFloat`, without its hexadecimal form; `undefined` where Go reports an error. */
export function parseFloat64(text: string): number | undefined {
  if (/^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text)) {
    const value = Number(text);
    return Number.isFinite(value) ? value : undefined;
  }
  const special = /^([+-]?)(inf|infinity|nan)$/i.exec(text);
  if (special === null) return undefined;
  if (special[2]?.toLowerCase() === 'nan') return special[1] === '' ? Number.NaN : undefined;
  return special[1] === '-' ? -Infinity : Infinity;
}

/**
 * Digits of `radix` with an optional sign as a 64-bit integer; `undefined` where Go reports an error.
 *
 * @param limit - the smallest number that is too large. Default 2⁶³
 */
export function parseInt64(
  text: string,
  radix: 2 | 8 | 10 | 16 = 10,
  limit: bigint = 2n ** 63n,
): bigint | undefined {
  const digits = { 2: /^[01]+$/, 8: /^[0-7]+$/, 10: /^\d+$/, 16: /^[\da-f]+$/i }[radix];
  const magnitude = text.replace(/^[+-]/, '');
  // a longer one is out of range, and would take long to convert
  if (!digits.test(magnitude) || magnitude.replace(/^0+/, '').length > 64) return undefined;
  const prefix = { 2: '0b', 8: '0o', 10: '', 16: '0x' }[radix];
  const value = BigInt(prefix + magnitude) * (text.startsWith('-') ? -1n : 1n);
  return value < limit && value >= -limit ? value : undefined;
}

/** `strconv.ParseBool`; `undefined` where Go reports an error. */
export function parseBool(text: string): boolean | undefined {
  if (['1', 't', 'T', 'true', 'TRUE', 'True'].includes(text)) return true;
  if (['0', 'f', 'F', 'false', 'FALSE', 'False'].includes(text)) return false;
  return undefined;
}

/**
 * An RFC 3339 time as Go writes it again; `undefined` where Go reports an error.
 *
 * @param options.strict - as `time.Time.UnmarshalText`; else as `time.Parse`, which also takes an
 *   hour of one digit and a comma
 * @param options.fraction - whether to keep it (`RFC3339Nano`) or not (`RFC3339`). Default true
 */
export function rfc3339(
  text: string,
  { strict = true, fraction = true }: { strict?: boolean; fraction?: boolean } = {},
): Timestamp | undefined {
  const form = strict
    ? /^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.(\d+))?(Z|[+-]\d\d:\d\d)$/
    : /^(\d{4})-(\d\d)-(\d\d)T(\d\d?):(\d\d):(\d\d)(?:[.,](\d+))?(Z|[+-]\d\d:\d\d)$/;
  const match = form.exec(text);
  if (match === null) return undefined;
  const [, year, month, day, hour, minute, second, nanoseconds = '', zone = ''] = match;
  return goTime([year, month, day, hour, minute, second], fraction ? nanoseconds : '', zone);
}

/**
 * A plain scalar that go-yaml takes for a time (resolve.go, `allowedTimestampFormats`): dates and
 * times may have fields of one digit, and need no zone.
 */
export function yamlTime(text: string): Timestamp | undefined {
  const match =
    /^(\d{4})-(\d\d?)-(\d\d?)(?:[Tt](\d\d?):(\d\d?):(\d\d?)(?:[.,](\d+))?(Z|[+-]\d\d:\d\d))?$/.exec(
      text,
    ) ?? /^(\d{4})-(\d\d?)-(\d\d?) +(\d\d?):(\d\d?):(\d\d?)(?:[.,](\d+))?$/.exec(text);
  if (match === null) return undefined;
  const [, year, month, day, hour = '0', minute = '0', second = '0', fraction = ''] = match;
  return goTime([year, month, day, hour, minute, second], fraction, match[8] ?? 'Z');
}

function goTime(
  fields: readonly (string | undefined)[],
  fraction: string,
  zone: string,
): Timestamp | undefined {
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = fields.map(Number);
  const days = new Date(Date.UTC(2000, month, 0)).getUTCDate();
  const leap = year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
  if (month < 1 || month > 12 || day < 1 || day > (month === 2 && !leap ? 28 : days))
    return undefined;
  if (hour > 23 || minute > 59 || second > 59) return undefined;
  if (zone !== 'Z' && (Number(zone.slice(1, 3)) > 23 || Number(zone.slice(4)) > 59))
    return undefined;
  const two = (value: number) => String(value).padStart(2, '0');
  const date = `${String(year).padStart(4, '0')}-${two(month)}-${two(day)}`;
  // Go cuts off digits beyond nanoseconds
  const rest = fraction.slice(0, 9).replace(/0+$/, '');
  const utc = zone === 'Z' || zone.slice(1) === '00:00';
  const time = `${two(hour)}:${two(minute)}:${two(second)}${rest && `.${rest}`}`;
  return { time: `${date}T${time}${utc ? 'Z' : zone}` };
}

/** The bytes of a value in the MAC (sops.go, `ToBytes`). */
export function macText(value: Exclude<Scalar, null>): string | Uint8Array {
  if (typeof value === 'boolean') return value ? 'True' : 'False';
  if (typeof value === 'number') return formatFloat(value);
  if (typeof value === 'bigint') return String(value);
  if (typeof value === 'string' || value instanceof Uint8Array) return value;
  return value.time;
}
