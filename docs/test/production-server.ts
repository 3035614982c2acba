/**
 * The server of `docs/vault/production.hcl`, started from the file itself: only its host, ports and
 * folders are replaced by ones that a test may use.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { findVaultBinary, startVaultServer } from '@keyfall/testkit';

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
  const authority = await startVaultServer({ external: false });
  try {
    await authority.request('POST', 'sys/mounts/pki', { type: 'pki' });
    const root = await authority.request('POST', 'pki/root/generate/internal', {
      common_name: 'Tea shop CA',
    });
    await authority.request('POST', 'pki/roles/server', { allow_any_name: true });
    const issued = await authority.request('POST', 'pki/issue/server', {
      ttl: '24h',
      common_name: 'vault.example.com',
      ip_sans: '127.0.0.1',
    });
    const text = (value: unknown) => `${value}\n`;
    const tls = join(folder, 'etc/openbao/tls');
    await writeFile(join(tls, 'ca.crt'), text(root.body.data?.['certificate']));
    await writeFile(join(tls, 'server.crt'), text(issued.body.data?.['certificate']));
    await writeFile(join(tls, 'server.key'), text(issued.body.data?.['private_key']));
    await chmod(join(tls, 'server.key'), 0o600);
  } finally {
    await authority.stop();
  }
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
