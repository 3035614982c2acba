/**
 * Where the shop's settings come from: with `USE_VAULT=true` Vault, then the environment, then
 * `.env`; else the environment, then `.env`.
 *
 * Vault before the environment is what `keyfall run` does too (a secret from a store wins over an
 * inherited variable), so the bot gets the same settings whether it is started directly or by
 * `keyfall run -- node dist/main.js`. Under `keyfall run` they all arrive in the environment, and
 * `USE_VAULT` is `false` there.
 */
import { join } from 'node:path';
import {
  createSecrets,
  type Duration,
  envProvider,
  isSecretError,
  SecretError,
  type Secrets,
} from '@keyfall/core';
import {
  limitedCall,
  type SecretProvider,
  systemClock,
  toMilliseconds,
} from '@keyfall/core/provider';
import { dotenvProvider } from '@keyfall/provider-dotenv';
import { vaultEnvironment, vaultProvider } from '@keyfall/provider-vault';
import { type SettingName, secretNames, settingNames } from './config.ts';
import type { Log } from './log.ts';

/** Where the settings are, as it may stand in `.env`. With the settings that are no secrets it stays readable in the log. */
const places = [
  'USE_VAULT',
  'KEYFALL_TTL',
  ...['ADDR', 'MOUNT_POINT', 'SECRET_PATH', 'NAMESPACE'].flatMap((name) => [
    `VAULT_${name}`,
    `BAO_${name}`,
  ]),
];

/** A process's environment. */
export type Environment = Readonly<Record<string, string | undefined>>;

/**
 * What a name held before, the newest first: what a change while the bot was stopped has replaced. Vault keeps it; without
 * Vault there is nothing.
 *
 * @throws what Vault answers where it cannot be asked
 */
type EarlierValues = (name: SettingName) => AsyncIterable<string>;

/** The chain, and what it held before. */
export interface ShopSecrets {
  readonly secrets: Secrets;
  readonly earlier: EarlierValues;
}

/**
 * Opens the chain and makes it tell `log` whenever an answer is second-hand.
 *
 * The token is `VAULT_TOKEN`, or in the file that `VAULT_TOKEN_PATH` names. Besides the Vault client's variables it reads `USE_VAULT` (`true` or `false`, default `false`) and
 * `KEYFALL_TTL` (how long a setting is fresh, default `1m`), each from the environment, else from
 * `.env`: the settings that say where the settings are cannot come from there.
 *
 * @param directory - where `.env` is
 * @throws `ERR_SECRET_CONFIG` if one of those is wrong; `ERR_SECRET_INVALID` for a broken `.env`
 */
export async function openSecrets(
  environment: Environment,
  directory: string,
  log: Log,
): Promise<ShopSecrets> {
  const dotenv = dotenvProvider({ path: join(directory, '.env') });
  const file = await createSecrets({ providers: [dotenv] }).getAll();
  const bootstrap = (name: string) => environment[name] ?? file[name];

  const given = Object.fromEntries(
    settingNames.flatMap((name) => {
      const value = environment[name];
      return value === undefined ? [] : [[name, value]];
    }),
  );
  const providers =
    Object.keys(given).length > 0 ? [envProvider({ env: given }), dotenv] : [dotenv];
  let vault: SecretProvider | undefined;
  if (useVault(bootstrap('USE_VAULT'))) {
    // the file of an agent, which keeps a fresh token in it
    const tokenHelper = Boolean(environment['VAULT_TOKEN_PATH']);
    const { env, warnings } = vaultEnvironment({ environment, file, tokenHelper });
    for (const warning of warnings) log(`Note: ${warning}.`);
    vault = vaultProvider({ env, ...(tokenHelper && { token: { helper: true } }) });
    providers.unshift(vault);
  }
  const ttl = toMilliseconds((bootstrap('KEYFALL_TTL') || '1m') as Duration, 'KEYFALL_TTL');
  const except = [...settingNames.filter((name) => !secretNames.includes(name)), ...places];
  // a long outage takes no setting from a running shop
  const secrets = createSecrets({ providers, ttl, staleIfError: '7d', redact: { except } });
  tell(secrets, log);
  return { secrets, earlier: (name) => earlierIn(vault, name) };
}

/** A version is one of the document, and most differ in another name. KV keeps ten of them by default. */
const versionsBack = 9;

async function* earlierIn(vault: SecretProvider | undefined, name: SettingName) {
  if (!vault) return;
  const bounds = { clock: systemClock, timeout: 2_500, provider: vault.name };
  const { entries } = await limitedCall((context) => vault.read([name], context), bounds);
  const now = entries.get(name);
  if (!now || isSecretError(now)) return;
  const seen = new Set(['', now.value]);
  const newest = Number(now.version);
  for (let version = newest - 1; version > 0 && version >= newest - versionsBack; version -= 1) {
    const record = await limitedCall(
      async (context) => vault.readVersion?.(name, `${version}`, context),
      bounds,
    );
    if (!record || seen.has(record.value)) continue;
    seen.add(record.value);
    yield record.value;
  }
}

/** Anything but a clear answer is an error: `USE_VAULT=yes` must not quietly mean `.env` alone. */
function useVault(value: string | undefined): boolean {
  if (!value || /^false$/i.test(value)) return false;
  if (/^true$/i.test(value)) return true;
  throw new SecretError('ERR_SECRET_CONFIG', 'USE_VAULT must be true or false');
}

function tell(secrets: Secrets, log: Log): void {
  secrets.on('fallback', ({ store, reason, detail, answeredBy }) => {
    const said = reason === 'missing-document' ? detail : `could not be asked: ${detail}`;
    const instead =
      answeredBy === 'none'
        ? 'No other provider answers instead.'
        : answeredBy === 'last-good'
          ? 'Going on with its last good values.'
          : `Falling back to ${answeredBy}.`;
    log(`FALLBACK: ${store} ${said}. ${instead}`, 'warn');
  });
  secrets.on('recovered', ({ store, after }) => {
    log(`RECOVERED: ${store} answers again, after ${Math.round(after / 1000)} s.`);
  });
  secrets.on('denied', ({ store, detail }) => log(`DENIED: ${store}: ${detail}.`, 'warn'));
  secrets.on('warning', ({ provider, message }) => log(`Note: ${provider}: ${message}.`, 'warn'));
}
