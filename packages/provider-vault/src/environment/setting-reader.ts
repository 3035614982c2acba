/**
 * How a setting is looked up and named: the option, else the variable under either prefix, and in an
 * error both, with the variable that was really set.
 */
import { SecretError, type SecretSetting } from '@keyfall/core';
import { findVariable, type Variables, type VaultSetting } from './vault-variables.ts';

/** Makes an `ERR_SECRET_CONFIG` of this provider. */
export type Wrong = (what: string, hint: string, setting?: SecretSetting) => SecretError;

export interface SettingReader {
  readonly env: Variables;
  readonly wrong: Wrong;
  /** An option's text, else its variable's; `undefined` for what is not given or a variable set to nothing. */
  text(option: string | undefined, setting: VaultSetting): string | undefined;
  /**
   * How to name the setting in an error: `the option address (variable BAO_ADDR)`, or `the variable
   * BAO_RATE_LIMIT` where there is no option.
   */
  labelled(option: string | undefined, setting: VaultSetting): string;
  /**
   * An option's value as it is, else its variable's, parsed.
   *
   * @param expected - what it must be, for the error: `true or false`
   */
  parsed<Value>(
    option: string | undefined,
    given: Value | undefined,
    setting: VaultSetting,
    parse: (value: string) => Value | undefined,
    expected: string,
  ): Value | undefined;
}

export function settingReader(env: Variables, provider: string): SettingReader {
  const wrong: Wrong = (what, hint, setting) =>
    new SecretError('ERR_SECRET_CONFIG', what, { provider, hint, setting });
  const text: SettingReader['text'] = (option, setting) =>
    option ?? (findVariable(env, setting)?.value || undefined);
  const variableOf = (setting: VaultSetting) =>
    findVariable(env, setting)?.name ?? `VAULT_${setting}`;
  const labelled: SettingReader['labelled'] = (option, setting) => {
    const variable = `variable ${variableOf(setting)}`;
    return option === undefined ? `the ${variable}` : `the option ${option} (${variable})`;
  };
  return {
    env,
    wrong,
    text,
    labelled,
    parsed(option, given, setting, parse, expected) {
      if (given !== undefined) return given;
      const found = text(undefined, setting);
      if (found === undefined) return undefined;
      const value = parse(found);
      if (value !== undefined) return value;
      throw wrong(`${labelled(option, setting)} is not ${expected}`, `Give ${expected}.`, {
        ...(option !== undefined && { option }),
        variable: variableOf(setting),
      });
    },
  };
}

/**
 * A configuration file may hold anything, and what is no text would be taken for something else: a
 * number for an open file, a list for a path.
 *
 * @throws `ERR_SECRET_CONFIG` for one of these options that is given and is no text, or empty
 */
export function checkTexts<Options extends object>(
  options: Options,
  names: readonly (keyof Options & string)[],
  wrong: Wrong,
): void {
  for (const name of names) {
    const value: unknown = options[name];
    if (value !== undefined && (typeof value !== 'string' || value === ''))
      throw wrong(
        `the option ${name} is ${value === '' ? 'empty' : 'not a text'}`,
        'Give a text, or leave it out.',
      );
  }
}

/** As Go's `strconv.ParseBool`, which both projects' clients use. */
export function parseBool(text: string): boolean | undefined {
  if (/^(?:1|t|T|TRUE|true|True)$/.test(text)) return true;
  return /^(?:0|f|F|FALSE|false|False)$/.test(text) ? false : undefined;
}

/** A whole number of 0 or more. */
export function parseCount(text: string): number | undefined {
  return /^\d{1,9}$/.test(text) ? Number(text) : undefined;
}

/** Milliseconds by unit of Go's durations; `d` is Vault's own, and stands alone. */
const units: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3,
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
};

/** `5` (seconds), `5s`, `1m30s`, `250ms`, `1d` as milliseconds. */
export function parseGoDuration(text: string): number | undefined {
  if (/^\d{1,9}$/.test(text)) return Number(text) * 1_000;
  if (/^\d{1,4}d$/.test(text)) return Number(text.slice(0, -1)) * 86_400_000;
  if (!/^(?:(?:\d{1,12}(?:\.\d{0,9})?|\.\d{1,9})(?:ns|us|µs|ms|s|m|h))+$/.test(text))
    return undefined;
  let total = 0;
  for (const [, amount, unit = ''] of text.matchAll(/([\d.]+)(ns|us|µs|ms|s|m|h)/g))
    total += Number(amount) * (units[unit] ?? Number.NaN);
  return total;
}

/** `rate[:burst]`, requests a second: as `VAULT_RATE_LIMIT` has it. */
export interface RateLimit {
  readonly rate: number;
  readonly burst: number;
}

export function parseRateLimit(text: string): RateLimit | undefined {
  const [, rateText, burstText] = /^(\d{1,9}(?:\.\d{1,9})?)(?::(\d{1,9}))?$/.exec(text) ?? [];
  const rate = Number(rateText);
  if (!(rate > 0)) return undefined;
  const burst = burstText === undefined ? Math.max(1, Math.floor(rate)) : Number(burstText);
  return burst > 0 ? { rate, burst } : undefined;
}
