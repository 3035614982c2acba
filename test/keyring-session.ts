/**
 * A D-Bus session of its own with a real GNOME Keyring, and the program of another project that writes and reads it
 * (`secret-tool` of libsecret).
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { promisify } from 'node:util';
import { temporaryFolder } from '@keyfall/testkit';

const run = promisify(execFile);

export interface Session {
  /** What `DBUS_SESSION_BUS_ADDRESS` has to be. */
  readonly address: string;
  /** Stores an item by `secret-tool`, as another program would. */
  store(service: string, account: string, value: string, application?: string): Promise<void>;
  lookup(service: string, account: string): Promise<string>;
  /** Locks the keyring; nobody is there to unlock it. */
  lock(): Promise<void>;
  /** The keyring takes questions, and does not answer. */
  pause(): void;
  resume(): void;
  /** The bus and the keyring are gone. */
  kill(): Promise<void>;
  /** They are there again, with what they held. */
  start(): Promise<void>;
  stop(): Promise<void>;
}

export async function startSession(): Promise<Session> {
  const { folder, remove } = await temporaryFolder();
  const address = `unix:path=${join(folder, 'bus')}`;
  const env = {
    PATH: process.env['PATH'],
    HOME: folder,
    XDG_DATA_HOME: folder,
    XDG_RUNTIME_DIR: folder,
    DBUS_SESSION_BUS_ADDRESS: address,
  };
  let bus: ChildProcess | undefined;
  let keyring: ChildProcess | undefined;

  async function start(): Promise<void> {
    bus = spawn(
      'dbus-daemon',
      ['--session', '--nofork', '--print-address', `--address=${address}`],
      {
        env,
        stdio: ['ignore', 'pipe', 'ignore'],
      },
    );
    await once(bus.stdout as NodeJS.ReadableStream, 'data');
    keyring = spawn('gnome-keyring-daemon', ['--foreground', '--unlock', '--components=secrets'], {
      env,
      stdio: ['pipe', 'ignore', 'ignore'],
    });
    keyring.stdin?.end('password of the keyring');
    while (!(await isServed())) await wait(10);
  }
  async function isServed(): Promise<boolean> {
    const question = 'org.freedesktop.DBus.NameHasOwner string:org.freedesktop.secrets'.split(' ');
    const whom = '--dest=org.freedesktop.DBus /org/freedesktop/DBus'.split(' ');
    const answer = await run('dbus-send', ['--session', '--print-reply', ...whom, ...question], {
      env,
    });
    return answer.stdout.includes('boolean true');
  }
  async function kill(): Promise<void> {
    for (const child of [keyring, bus])
      if (child !== undefined && child.exitCode === null && child.signalCode === null) {
        const ended = once(child, 'exit');
        child.kill('SIGKILL');
        await ended;
      }
    await rm(join(folder, 'bus'), { force: true });
  }
  const attributes = (service: string, account: string) => [
    'service',
    service,
    'username',
    account,
  ];

  await start();
  return {
    address,
    async store(service, account, value, application) {
      const own = application === undefined ? [] : ['application', application];
      const storing = run(
        'secret-tool',
        ['store', '--label=test', ...attributes(service, account), ...own],
        {
          env,
        },
      );
      storing.child.stdin?.end(value);
      await storing;
    },
    async lookup(service, account) {
      const found = await run('secret-tool', ['lookup', ...attributes(service, account)], { env });
      return found.stdout;
    },
    async lock() {
      const to = '--dest=org.freedesktop.secrets /org/freedesktop/secrets'.split(' ');
      const what = 'org.freedesktop.Secret.Service.Lock';
      const which = 'array:objpath:/org/freedesktop/secrets/collection/login';
      await run('dbus-send', ['--session', '--print-reply', ...to, what, which], { env });
    },
    pause: () => void keyring?.kill('SIGSTOP'),
    resume: () => void keyring?.kill('SIGCONT'),
    kill,
    start,
    async stop() {
      await kill();
      await remove();
    },
  };
}
