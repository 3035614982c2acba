/**
 * A D-Bus session of its own with a real GNOME Keyring for tests, and the program of another project that writes and
 * reads it (`secret-tool` of libsecret).
 */
import { execFile } from 'node:child_process';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { notOnPath } from './provide-once.ts';
import { environmentWith, serverFolder, serverProcess } from './server-process.ts';

const run = promisify(execFile);

/** A running session, whose keyring is open. */
export interface KeyringSession {
  /** What `DBUS_SESSION_BUS_ADDRESS` has to be for a program that uses this keyring. */
  readonly address: string;
  /** Stores an item by `secret-tool`, as another program would. `application` is an attribute more. */
  store(service: string, account: string, value: string, application?: string): Promise<void>;
  /** The value of an item, by `secret-tool`. Rejects where there is none. */
  lookup(service: string, account: string): Promise<string>;
  /** Locks the keyring. It stays locked, since no user is asked to unlock it. */
  lock(): Promise<void>;
  /** The keyring takes questions, and does not answer. */
  pause(): Promise<void>;
  /** A paused keyring answers again. Does nothing to one that is killed. */
  resume(): Promise<void>;
  /** The bus and the keyring are gone. */
  kill(): Promise<void>;
  /** They are there again after `kill`, open, with what they held. */
  start(): Promise<void>;
  /** Ends both and removes what they stored. Safe to call twice. */
  stop(): Promise<void>;
  /** As {@link stop}. */
  [Symbol.asyncDispose](): Promise<void>;
}

/** The programs for {@link startKeyringSession} that are not on PATH: none of them, where it can start a session. */
export function missingKeyringPrograms(): Promise<readonly string[]> {
  return notOnPath(['dbus-daemon', 'dbus-send', 'gnome-keyring-daemon', 'secret-tool']);
}

/**
 * Starts a bus and an empty keyring, apart from the user's own: they take the environment of this process with a home
 * and a bus of their own, and die with it. Takes less than a second.
 *
 * @throws an `Error` that says how to get the programs, or with the end of a program's log if it does not start
 * @example
 * ```ts
 * import { startKeyringSession } from '@keyfall/testkit';
 *
 * const session = await startKeyringSession();
 * process.env['DBUS_SESSION_BUS_ADDRESS'] = session.address;
 * await session.store('shop', 'TOKEN', 'value');
 * await session.stop();
 * ```
 */
export async function startKeyringSession(): Promise<KeyringSession> {
  const missing = await missingKeyringPrograms();
  if (missing.length > 0)
    throw new Error(
      `Not on PATH for a session with a keyring: ${missing.join(', ')}. On Debian: apt-get install dbus-daemon dbus-bin gnome-keyring libsecret-tools`,
    );
  const { folder, remove } = await serverFolder();
  const socket = join(folder, 'bus');
  const address = `unix:path=${socket}`;
  const own = {
    HOME: folder,
    XDG_DATA_HOME: folder,
    XDG_RUNTIME_DIR: folder,
    DBUS_SESSION_BUS_ADDRESS: address,
    // no user is asked to unlock it on a screen
    DISPLAY: '',
    WAYLAND_DISPLAY: '',
  };
  const env = environmentWith(own);
  const bus = serverProcess({
    binary: 'dbus-daemon',
    args: ['--session', '--nofork', '--print-address', `--address=${address}`],
    env: own,
    ready: async () => bus.log().includes(socket),
  });
  const keyring = serverProcess({
    binary: 'gnome-keyring-daemon',
    args: ['--foreground', '--unlock', '--components=secrets'],
    input: 'password of the keyring',
    env: own,
    async ready() {
      const question = 'org.freedesktop.DBus.NameHasOwner string:org.freedesktop.secrets';
      return (await send('org.freedesktop.DBus', question)).includes('boolean true');
    },
  });

  /** Calls the first word of `what`, with the others as arguments. */
  async function send(destination: string, what: string): Promise<string> {
    const path = `/${destination.replaceAll('.', '/')}`;
    const call = [`--dest=${destination}`, path, ...what.split(' ')];
    return (await run('dbus-send', ['--session', '--print-reply', ...call], { env })).stdout;
  }
  async function start(): Promise<void> {
    await bus.start();
    await keyring.start();
  }
  async function kill(): Promise<void> {
    await keyring.end('SIGKILL');
    await bus.end('SIGKILL');
    await rm(socket, { force: true });
  }
  async function stop(): Promise<void> {
    await kill();
    await remove();
  }
  const attributes = (service: string, account: string) => [
    ...['service', service],
    ...['username', account],
  ];

  try {
    await start();
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    address,
    async store(service, account, value, application) {
      const more = application === undefined ? [] : ['application', application];
      const item = [`--label=${account}`, ...attributes(service, account), ...more];
      const storing = run('secret-tool', ['store', ...item], { env });
      storing.child.stdin?.end(value);
      await storing;
    },
    async lookup(service, account) {
      const found = await run('secret-tool', ['lookup', ...attributes(service, account)], { env });
      return found.stdout;
    },
    async lock() {
      const keyrings = 'array:objpath:/org/freedesktop/secrets/collection/login';
      await send('org.freedesktop.secrets', `org.freedesktop.Secret.Service.Lock ${keyrings}`);
    },
    pause: () => keyring.pause(),
    resume: () => keyring.resume(),
    kill,
    start,
    stop,
    [Symbol.asyncDispose]: stop,
  };
}
