/**
 * Kills a migration at every one of its steps. Whatever the step, nothing is lost, the next run ends
 * what was begun, and a restore brings back all that was there.
 */
import { startVaultServer } from '@keyfall/testkit';
import { expect, onTestFinished, test, vi } from 'vitest';
import { settingsOf, stepsOf, survives } from './killed-migration.ts';

vi.mock('../src/terminal.ts', async (original) => ({
  ...(await original<typeof import('../src/terminal.ts')>()),
  notice: () => {},
  report: () => {},
  writeLine: () => {},
}));

test('a migration that is killed at any step is taken up, and can be undone', async () => {
  const server = await startVaultServer({ external: false });
  onTestFinished(() => server.stop());
  const where = { server, mount: await server.mountKv({ version: 2 }) };
  for (const [name, value] of Object.entries(settingsOf(where))) vi.stubEnv(name, value);
  onTestFinished(() => void vi.unstubAllEnvs());
  const steps = await stepsOf(where);
  expect(steps.length).toBeGreaterThan(60);
  const failures: string[] = [];
  const left = [...steps.entries()];
  const work = async (): Promise<void> => {
    for (let next = left.shift(); next !== undefined; next = left.shift()) {
      const [index, what] = next;
      await survives(where, index + 1).catch((error: Error) => {
        failures.push(`killed before "${what}" (${index + 1}): ${error.message}`);
      });
    }
  };
  await Promise.all([work(), work(), work(), work()]);
  expect(failures).toEqual([]);
}, 120_000);
