/**
 * Parts of a command that is shown to somebody who then types it.
 */
import type { SettingsOptions } from './settings.ts';

/** Text as one word of a shell. */
export function quoted(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}

/** The options that name the same settings once more. */
export function settingsFlags({ config, profile, dotenv, tokenHelper }: SettingsOptions): string[] {
  return [
    ...(config === false ? ['--no-config'] : []),
    ...(typeof config === 'string' ? ['--config', config] : []),
    ...(profile === undefined ? [] : ['--profile', profile]),
    ...(dotenv === undefined ? [] : ['--dotenv', dotenv]),
    ...(tokenHelper ? ['--token-helper'] : []),
  ].map(quoted);
}
