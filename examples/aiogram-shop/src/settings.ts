/**
 * The settings of the running bot: all of them typed and checked at the start, and those that may
 * change while it runs as a live view of the stores.
 */
import type { Secrets } from '@keyfall/core';
import { labelOf } from '@keyfall/core/provider';
import {
  type Config,
  isOptional,
  type LiveConfig,
  liveSchema,
  parseConfig,
  type SettingName,
  settingNames,
} from './config.ts';
import type { Log } from './log.ts';

/** The settings as the bot uses them. */
export interface Settings {
  /** As they were at the start. */
  readonly config: Config;
  /** What takes effect while the bot runs, always as it is now. */
  readonly live: LiveConfig;
}

/**
 * Reads every setting once and tells which provider gave how many, never what.
 *
 * @throws `ERR_SECRET_CONFIG` naming every setting that is missing or wrong; else as `Secrets.getAll`,
 *   `Secrets.get` and `Secrets.view`
 */
export async function loadSettings(secrets: Secrets, log: Log): Promise<Settings> {
  const values = await secrets.getAll();
  const explained = await Promise.all(
    settingNames.map(async (name) => ({ ...(await secrets.explain(name)), name })),
  );
  const origins = new Map<string, string>();
  const counts = new Map<string, number>();
  const unknown: SettingName[] = [];
  for (const { name, found, provider = '', store = '', attempts } of explained) {
    // an empty text is an answer of the store, and means the default
    if (found && values[name] !== '') {
      const label = labelOf(provider, store);
      origins.set(name, provider);
      counts.set(label, (counts.get(label) ?? 0) + 1);
    } else if (!found && attempts.some(({ outcome }) => outcome === 'failed')) unknown.push(name);
  }
  // "not set" would be a guess where a store could not be asked: this rejects, and says which
  for (const name of unknown) if (!isOptional(name)) await secrets.get(name);
  if (unknown.length > 0)
    log(
      `Could not check whether these are set, so they have their defaults: ${unknown.join(', ')}.`,
    );
  const config = parseConfig(values, origins);
  const from = [...counts].map(([label, count]) => `${count} from ${label}`);
  const defaults = settingNames.length - origins.size;
  log(`Settings: ${[...from, `${defaults} by default`].join(', ')}.`);
  return { config, live: await follow(secrets, log) };
}

/** Values that no longer fit must not take the shop down: the last good ones stay, and the log says why. */
async function follow(secrets: Secrets, log: Log): Promise<LiveConfig> {
  secrets.on('rejected', ({ issues }) => {
    for (const { name, kind, message } of issues)
      log(`${name} keeps its last good value (the new one is ${kind}: ${message}).`, 'warn');
  });
  return secrets.view(liveSchema);
}
