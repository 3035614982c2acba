// What the tests of an area get for `@keyfall/testkit`: all of it, but one shared server for all mutants. A server
// that a test starts for itself is one that it kills.

import { sharedVaultServer as share } from '../../packages/testkit/src/index.ts';
import { serverOver } from '../../packages/testkit/src/servers/vault-server.ts';

export * from '../../packages/testkit/src/index.ts';

export const sharedVaultServer: typeof share = async () => {
  const { KEYFALL_MUTANTS_SERVER: running } = process.env;
  return running === undefined ? share() : serverOver(JSON.parse(running), undefined);
};
