/**
 * The options of a command, for another command that is shown to the user, to be typed.
 */
import { quoted } from '../terminal/shown-command.ts';
import type { SettingsOptions } from './settings.ts';

/** The options that name the same settings once more. */
export function settingsFlags({
  config,
  profile,
  dotenv,
  reader,
  tokenHelper,
}: SettingsOptions): string[] {
  return [
    ...(config === false ? ['--no-config'] : []),
    ...(typeof config === 'string' ? ['--config', config] : []),
    ...(profile === undefined ? [] : ['--profile', profile]),
    ...(dotenv === undefined ? [] : ['--dotenv', dotenv]),
    ...(reader === undefined ? [] : ['--reader', reader]),
    ...(tokenHelper ? ['--token-helper'] : []),
  ].map(quoted);
}
