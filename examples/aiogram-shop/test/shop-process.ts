/** The bot as a program of its own, as a user starts it. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const main = fileURLToPath(new URL('../dist/main.js', import.meta.url));

/** A running bot. */
export interface ShopProcess {
  /** All it has written so far, to both streams: of a line of its log, the message. */
  output(): string;
  /** The same as it was written. */
  raw(): string;
  /**
   * Resolves once the output matches.
   * @throws with the output, if it ends before
   */
  says(pattern: RegExp): Promise<void>;
  /** Its exit code, once it has ended. */
  readonly ended: Promise<number | null>;
  signal(name: NodeJS.Signals): void;
  /** Where it was started; its database is in `data`. */
  readonly directory: string;
  /** Changes what stands in `.env`. */
  writeEnv(values: Readonly<Record<string, string>>): Promise<void>;
  /** Ends it, and removes its directory. */
  dispose(): Promise<void>;
}

/** What stands in `.env`, and in the environment besides PATH. */
export interface ShopProcessOptions {
  readonly file?: Readonly<Record<string, string>>;
  readonly environment?: Readonly<Record<string, string>>;
  /** Where it starts, in the place of one that has ended. Default: a directory of its own. */
  readonly directory?: string;
}

export async function startShopProcess({
  file,
  environment,
  directory: given,
}: ShopProcessOptions): Promise<ShopProcess> {
  const directory = given ?? (await mkdtemp(join(tmpdir(), 'shop-')));
  const writeEnv = async (values: Readonly<Record<string, string>>) => {
    const text = Object.entries(values).map(([name, value]) => `${name}='${value}'\n`);
    // at one moment: the bot reads it while it runs
    await writeFile(join(directory, '.env.new'), text.join(''), { mode: 0o600 });
    await rename(join(directory, '.env.new'), join(directory, '.env'));
  };
  if (file !== undefined) await writeEnv(file);
  const child: ChildProcess = spawn(process.execPath, [main], {
    cwd: directory,
    env: { PATH: process.env['PATH'], ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let raw = '';
  const output = () => raw.replaceAll(/^\{"level":.*\}$/gm, (line) => JSON.parse(line).msg);
  const looks = new Set<() => void>();
  for (const stream of [child.stdout, child.stderr])
    stream?.setEncoding('utf8').on('data', (text: string) => {
      raw += text;
      for (const look of looks) look();
    });
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
  return {
    directory,
    writeEnv,
    ended,
    output,
    raw: () => raw,
    signal: (name) => void child.kill(name),
    says: (pattern) =>
      new Promise((resolve, reject) => {
        const look = () => {
          if (!pattern.test(output())) return;
          looks.delete(look);
          resolve();
        };
        looks.add(look);
        look();
        void ended.then((code) =>
          reject(new Error(`It ended with ${code} and did not say ${pattern}:\n${output()}`)),
        );
      }),
    async dispose() {
      child.kill('SIGKILL');
      await ended;
      await rm(directory, { recursive: true, force: true });
    },
  };
}
