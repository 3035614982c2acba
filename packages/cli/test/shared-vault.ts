/**
 * One server for all tests of a process: to start one takes a second. It is for tests that have a mount, a path or a
 * policy of their own there, and neither end it nor count what others have.
 */
import { startVaultServer, type VaultServer } from '@keyfall/testkit';

let started: Promise<VaultServer> | undefined;

/** The server, which the first call starts; it ends with the process. */
export function sharedVault(): Promise<VaultServer> {
  started ??= startVaultServer({ external: false });
  return started;
}
