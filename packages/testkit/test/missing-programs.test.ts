// What needs programs of the machine says which are not there, before anything is started.
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import {
  missingKeyringPrograms,
  missingKubernetesPrograms,
  startKeyringSession,
  startKubernetesServer,
  type TemporaryFolder,
  temporaryFolder,
} from '../src/index.ts';

let empty: TemporaryFolder;
beforeEach(async () => {
  empty = await temporaryFolder();
  vi.stubEnv('PATH', empty.folder);
  vi.stubEnv('XDG_CACHE_HOME', empty.folder);
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await empty.remove();
});

test.each([
  ['a session with a keyring', missingKeyringPrograms, startKeyringSession],
  ['the API of Kubernetes', missingKubernetesPrograms, startKubernetesServer],
])('%s is not started without its programs', async (_, missingPrograms, start) => {
  const missing = await missingPrograms();
  expect(missing.length).toBeGreaterThan(1);
  const error: unknown = await start().catch((thrown) => thrown);
  expect(error).toBeInstanceOf(Error);
  for (const program of missing) expect((error as Error).message).toContain(program);
});
