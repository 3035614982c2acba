// An example as its README starts it: by `npm start` in its folder, with nothing of the test's environment.
import { spawn } from 'node:child_process';
import { readdir, readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sharedVaultServer, type VaultServer } from '@keyfall/testkit';
import { onTestFinished } from 'vitest';

/** The environment of an example: nothing of the test's but where programs are, and npm leaves no logs behind. */
export function exampleEnvironment(
  env: Readonly<Record<string, string>> = {},
): Record<string, string> {
  const npm = { npm_config_logs_max: '0', npm_config_update_notifier: 'false' };
  return { PATH: process.env['PATH'] ?? '', HOME: tmpdir(), ...npm, ...env };
}

/** A value for a test to look for: the examples show how many characters it has. */
export const canary = 'canary-of-twenty-chr';

/** A Vault that holds this in the document of the examples, and the settings that name it. */
export async function exampleVault(data: Readonly<Record<string, string>>): Promise<{
  readonly server: VaultServer;
  readonly mount: string;
  readonly settings: Readonly<Record<string, string>>;
}> {
  const server = await sharedVaultServer();
  const mount = await server.mountKv({ version: 2 });
  await server.request('POST', `${mount}/data/example`, { data });
  const settings = {
    VAULT_ADDR: server.address,
    VAULT_TOKEN: server.token,
    VAULT_MOUNT_POINT: mount,
  };
  return { server, mount, settings };
}

/** Each file in a folder and below it, as text: what a build has made. */
export async function textsIn(folder: string): Promise<readonly string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile());
  return Promise.all(files.map((file) => readFile(join(file.parentPath, file.name), 'utf8')));
}

/** An example that listens. */
export interface StartedExample {
  /** Where it listens. */
  readonly address: string;
  /** All that it and npm have printed so far. */
  output(): string;
  /** Asks it to end, as a terminal does with Ctrl-C, and resolves with what it printed, once all of it has ended. */
  stop(): Promise<string>;
}

/**
 * Starts the example in this folder, and resolves once it has printed the address that it listens at. It is stopped
 * after the test at the latest.
 */
export async function startExample(
  cwd: string,
  env: Readonly<Record<string, string>> = {},
): Promise<StartedExample> {
  const child = spawn('npm', ['--silent', 'start'], {
    cwd,
    env: exampleEnvironment({ PORT: '0', ...env }),
    stdio: ['ignore', 'pipe', 'pipe'],
    // a group of its own, since a terminal sends its signals to all of them
    detached: true,
  });
  let text = '';
  const ended = new Promise<string>((resolve) => child.once('close', () => resolve(text)));
  const signal = (name: NodeJS.Signals) => {
    try {
      process.kill(-(child.pid ?? Number.NaN), name);
    } catch {
      // all of it has ended
    }
    return ended;
  };
  onTestFinished(async () => void (await signal('SIGKILL')));
  const address = await new Promise<string>((resolve, reject) => {
    const gather = (chunk: Buffer) => {
      text += chunk;
      const [found] = /http:\/\/(?:127\.0\.0\.1|localhost):\d+/.exec(text) ?? [];
      if (found !== undefined) resolve(found);
    };
    child.stdout.on('data', gather);
    child.stderr.on('data', gather);
    child.once('error', reject);
    child.once('close', () => reject(new Error(`The example has ended:\n${text}`)));
  });
  return { address, output: () => text, stop: () => signal('SIGINT') };
}
