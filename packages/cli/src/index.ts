/**
 * What a configuration file imports. The rest of the package is a command.
 */
export type {
  ChainConfig,
  ConfigEntry,
  KeyfallConfig,
  NamedProvider,
  ProviderId,
} from './config/define-config.ts';
export { defineConfig } from './config/define-config.ts';
