/**
 * How a setting is looked up and named: the option, else the variable under either prefix, and in an
 * error both, with the variable that was really set.
 */
import { SecretError, type SecretSetting } from '@keyfall/core/provider';
import { findVariable, type Variables, type VaultSetting } from './vault-variables.ts';

/** A setting: its option, where it has one, and its variable, without the prefix where that can be either. */
interface Setting {
  readonly option?: string | undefined;
  readonly variable?: VaultSetting | 'KEYFALL_PROFILE' | undefined;
}

/** Makes an `ERR_SECRET_CONFIG` of a clause and what to do. */
export type ConfigError = (what: string, hint: string) => SecretError;

export interface SettingReader {
  readonly env: Variables;
  /** An option's text, else its variable's; `undefined` for what is not given or a variable set to nothing. */
  text(option: string | undefined, variable: VaultSetting): string | undefined;
  /** How a text names the setting: `the option address (variable BAO_ADDR)`. */
  labelled(setting: Setting): string;
  /** The error about a setting. @param what - what follows its name: 'is not an address' */
  configError(setting: Setting, what: string, hint: string): SecretError;
  /** The error about a setting that is needed and not there. @param what - 'no path was given' */
  missingError(setting: Setting, what: string, hint: string): SecretError;
  /**
   * An option's value as it is, else its variable's, parsed.
   *
   * @param expected - what it must be, for the error: `true or false`
   */
  parsed<Value>(
    setting: Setting & { readonly variable: VaultSetting },
    given: Value | undefined,
    parse: (value: string) => Value | undefined,
    expected: string,
  ): Value | undefined;
}

export function settingReader(env: Variables, provider: string): SettingReader {
  const text: SettingReader['text'] = (option, variable) =>
    option ?? (findVariable(env, variable)?.value || undefined);
  const factsOf = ({ option, variable }: Setting): SecretSetting => ({
    ...(option !== undefined && { option }),
    ...(variable === 'KEYFALL_PROFILE' && { variable }),
    ...(variable !== undefined &&
      variable !== 'KEYFALL_PROFILE' && {
        variable: findVariable(env, variable)?.name ?? `VAULT_${variable}`,
      }),
  });
  const labelled = (setting: Setting): string => {
    const { option, variable } = factsOf(setting);
    if (option === undefined) return `the variable ${variable}`;
    return `the option ${option}${variable === undefined ? '' : ` (variable ${variable})`}`;
  };
  const configError: SettingReader['configError'] = (setting, what, hint) =>
    new SecretError('ERR_SECRET_CONFIG', `${labelled(setting)} ${what}`, {
      provider,
      hint,
      setting: factsOf(setting),
    });
  return {
    env,
    text,
    labelled,
    configError,
    missingError: (setting, what, hint) =>
      new SecretError('ERR_SECRET_CONFIG', `${what}: ${labelled(setting)} is not set`, {
        provider,
        hint,
        setting: { ...factsOf(setting), isMissing: true },
      }),
    parsed(setting, given, parse, expected) {
      if (given !== undefined) return given;
      const found = text(undefined, setting.variable);
      if (found === undefined) return undefined;
      const value = parse(found);
      if (value !== undefined) return value;
      throw configError(setting, `is not ${expected}`, `Give ${expected}.`);
    },
  };
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
