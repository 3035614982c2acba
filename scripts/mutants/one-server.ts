// What the tests of an area get for `@keyfall/testkit`: all of it, with one server for the first that each
// file starts. What a file starts after that one is a server that it kills.

import {
  startVaultServer as start,
  type VaultServerOptions,
} from '../../packages/testkit/src/index.ts';
import { serverOver } from '../../packages/testkit/src/servers/vault-server.ts';

export * from '../../packages/testkit/src/index.ts';

let started = false;

export const startVaultServer: typeof start = async (options: VaultServerOptions = {}) => {
  const { KEYFALL_MUTANTS_SERVER: running } = process.env;
  if (running === undefined || options.args !== undefined || started) return start(options);
  started = true;
  return serverOver(JSON.parse(running), undefined);
};
