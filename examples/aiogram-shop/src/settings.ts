/**
 * The settings of the running bot: all of them typed and checked at the start, and those that may
 * change while it runs read again at each use.
 */
import { isSecretError, type Secrets } from '@keyfall/core';
import { labelOf } from '@keyfall/core/provider';
import {
  type Config,
  parseConfig,
  parseSetting,
  type SettingName,
  settingNames,
} from './config.ts';
import { describeError, type Log } from './log.ts';

/** What a user of the bot sees at once when it is changed in the store. */
type LiveName = 'SUPPORT_LINK' | 'PAGE_ENTRIES';

/** Reads a live setting as it is now; does not reject. */
type Current = <Name extends LiveName>(name: Name) => Promise<Config[Name]>;

/** The settings as the bot uses them. */
export interface Settings {
  /** As they were at the start. */
  readonly config: Config;
  readonly current: Current;
}

/**
 * Reads every setting once and tells which provider gave how many, never what.
 *
 * @throws `ERR_SECRET_CONFIG` naming every setting that is missing or wrong; else as `Secrets.getAll`
 *   and `Secrets.get`
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
  for (const name of unknown)
    if (parseSetting(name, undefined) === undefined) await secrets.get(name);
  if (unknown.length > 0)
    log(
      `Could not check whether these are set, so they have their defaults: ${unknown.join(', ')}.`,
    );
  const config = parseConfig(values, origins);
  const from = [...counts].map(([label, count]) => `${count} from ${label}`);
  const defaults = settingNames.length - origins.size;
  log(`Settings: ${[...from, `${defaults} by default`].join(', ')}.`);
  return { config, current: createCurrent(secrets, config, log) };
}

/**
 * A value that no longer fits, or that the store will not give, must not take the shop down: the
 * last good one stays, and the log says so once.
 */
function createCurrent(secrets: Secrets, config: Config, log: Log): Current {
  const last = new Map<LiveName, Config[LiveName]>([
    ['SUPPORT_LINK', config.SUPPORT_LINK],
    ['PAGE_ENTRIES', config.PAGE_ENTRIES],
  ]);
  const told = new Map<LiveName, string>();
  function keep(name: LiveName, why: string): void {
    if (told.get(name) === why) return;
    told.set(name, why);
    log(`${name} keeps its last good value: ${why}`);
  }
  return async <Name extends LiveName>(name: Name) => {
    try {
      const parsed = parseSetting(name, await secrets.find(name));
      if (parsed === undefined) keep(name, 'the new one does not fit, see .env.template');
      else {
        told.delete(name);
        if (parsed.value !== last.get(name)) log(`${name} has changed.`);
        last.set(name, parsed.value);
      }
    } catch (error) {
      // an outage has its own notice already, once for all names
      if (!isSecretError(error, 'ERR_SECRET_UNAVAILABLE')) keep(name, describeError(error));
    }
    return last.get(name) as Config[Name];
  };
}
