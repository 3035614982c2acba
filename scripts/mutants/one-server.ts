// What the tests of an area get for `@keyfall/testkit`: all of it, with one server for all that start one.

import {
  startVaultServer as start,
  type VaultServerOptions,
} from '../../packages/testkit/src/index.ts';
import { serverOver } from '../../packages/testkit/src/vault-server.ts';

export * from '../../packages/testkit/src/index.ts';

export const startVaultServer: typeof start = async (options: VaultServerOptions = {}) => {
  const { KEYFALL_MUTANTS_SERVER: running } = process.env;
  if (running === undefined || options.args !== undefined) return start(options);
  return serverOver(JSON.parse(running), undefined);
};
