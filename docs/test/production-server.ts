/**
 * The server of `docs/vault/production.hcl`, started from the file itself: only its host, ports and
 * folders are replaced by ones that a test may use.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { findVaultBinary, sharedVaultServer } from '@keyfall/testkit';
import { newAuthority } from '../../test/authority.ts';

/** Text of the documents and files to what stands for it in a test. */
export type Replacements = readonly (readonly [documented: string, real: string])[];

/** `text` with every documented thing replaced by the real one. */
export function toReal(text: string, replacements: Replacements): string {
  return replacements.reduce((done, [documented, real]) => done.replaceAll(documented, real), text);
}

/** `text` with every real thing replaced by the documented one. */
export function toDocumented(text: string, replacements: Replacements): string {
  return replacements.reduce((done, [documented, real]) => done.replaceAll(real, documented), text);
}

/** Makes the folders that the documents name, and a certificate for 127.0.0.1 with its authority. */
export async function prepareProduction(folder: string): Promise<void> {
  for (const each of ['etc/openbao/tls', 'var/lib/openbao', 'var/log/openbao', 'run/openbao'])
    await mkdir(join(folder, each), { recursive: true, mode: 0o700 });
  const authority = await newAuthority(await sharedVaultServer());
  const { cert, key } = await authority.issue('vault.example.com', '24h');
  const tls = join(folder, 'etc/openbao/tls');
  await writeFile(join(tls, 'ca.crt'), authority.pem);
  await writeFile(join(tls, 'server.crt'), cert);
  await writeFile(join(tls, 'server.key'), key, { mode: 0o600 });
}

/** A started `bao` process. */
export interface BaoProcess {
  /** What it has written so far. */
  log(): string;
  stop(): Promise<void>;
}

/** Starts `bao` with these arguments and waits until its log shows `ready`. */
export async function startBao(
  args: readonly string[],
  ready: string,
  env: NodeJS.ProcessEnv,
): Promise<BaoProcess> {
  const child = spawn(await findVaultBinary(), args, { stdio: ['ignore', 'pipe', 'pipe'], env });
  let log = '';
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => {
      log += text;
    });
  const end = () => child.kill('SIGKILL');
  process.once('exit', end);
  const exited = exit(child).then(() => process.off('exit', end));
  while (!log.includes(ready)) {
    if (child.exitCode !== null) throw new Error(`bao ${args.join(' ')} ended:\n${log}`);
    await wait(25);
  }
  return {
    log: () => log,
    async stop() {
      child.kill('SIGTERM');
      await exited;
    },
  };
}

function exit(child: ChildProcess): Promise<void> {
  return new Promise((resolve) => child.once('exit', () => resolve()));
}

/** Starts the server of a configuration file whose host, ports and folders are replaced. */
export async function startProduction(
  configuration: string,
  folder: string,
  replacements: Replacements,
  env: NodeJS.ProcessEnv,
): Promise<BaoProcess> {
  const real = join(folder, 'production.hcl');
  await writeFile(real, toReal(await readFile(configuration, 'utf8'), replacements));
  return startBao(['server', `-config=${real}`], 'OpenBao server started!', env);
}
