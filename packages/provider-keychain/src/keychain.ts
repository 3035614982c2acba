/**
 * The keychain through `@napi-rs/keyring`, in a thread of its own, which the first call starts: making an entry asks the system at
 * once, and would hold up the whole program while that does not answer. Two more of the library's answers are not what they
 * seem, and end here: without a Secret Service its default on Linux is the kernel's keyring, which holds nothing, so the
 * Secret Service is asked for by name; and its errors have one code for everything, with words that are the system's, in the
 * user's language. Only the library's own words for two items in the place of one are known.
 */
import { createRequire } from 'node:module';
import type { Worker } from 'node:worker_threads';
import { SecretError } from '@keyfall/core/provider';

/** What a call needs of a provider's context. */
export interface CallContext {
  readonly signal: AbortSignal;
}

/** The items of one service. */
export interface Keychain {
  /** The bytes of an item; `null` if there is none. */
  read(account: string, context: CallContext): Promise<Uint8Array | null>;
  /** The accounts that have an item. */
  list(context: CallContext): Promise<readonly string[]>;
  /** `null` removes the item, if there is one. */
  write(account: string, value: string | null, context: CallContext): Promise<void>;
  /** Ends the thread. */
  close(): void;
}

/** What the thread is asked. */
interface Question {
  readonly service: string;
  readonly method: 'read' | 'list' | 'write';
  readonly account?: string;
  readonly value?: string | null;
}

/** What the thread answers; of an error only which of two it was. */
interface Answer {
  readonly id: number;
  readonly result?: unknown;
  readonly failure?: 'unavailable' | 'ambiguous';
}

/**
 * The thread, which has no modules of ours. It gets the path of the library, so that it is the one of this package; a list
 * leaves the values behind.
 */
const thread = `
const { parentPort, workerData } = require('node:worker_threads');
const { Entry, findCredentials } = require(workerData);
const methods = {
  read: (entry) => {
    const bytes = entry().getSecret();
    return bytes === null ? null : Uint8Array.from(bytes);
  },
  list: (_, { service }) => findCredentials(service).map(({ account }) => account),
  write(entry, { value }) {
    if (value === null) entry().deleteCredential();
    else entry().setPassword(value);
  },
};
parentPort.on('message', ({ id, question }) => {
  const { service, account, method } = question;
  const entry = () => new Entry(service, account, { linux: { store: 'secret-service' } });
  try {
    parentPort.postMessage({ id, result: methods[method](entry, question) });
  } catch (error) {
    const isAmbiguous = /^Entry is matched by \\d+ credentials/.test(error.message);
    parentPort.postMessage({ id, failure: isAmbiguous ? 'ambiguous' : 'unavailable' });
  }
});`;

/**
 * All of its calls reject with `ERR_SECRET_UNAVAILABLE` where there is no keychain, where it is locked and is not unlocked, and
 * where it does not let this program in; with `ERR_SECRET_ABORTED` once the signal has fired. Of a write it is then
 * unknown what became.
 */
export function keychainOf(service: string, provider: string): Keychain {
  let worker: Worker | undefined;
  let lastId = 0;
  const waiting = new Map<number, (answer: Answer) => void>();

  const settle = (answer: Answer) => {
    waiting.get(answer.id)?.(answer);
    waiting.delete(answer.id);
    // the thread keeps the process alive as long as somebody waits for it
    if (waiting.size === 0) worker?.unref();
  };
  function end(): void {
    const ended = worker;
    worker = undefined;
    for (const id of waiting.keys()) settle({ id, failure: 'unavailable' });
    // a call that the system does not answer holds it up
    ended?.unref();
    void ended?.terminate();
  }
  async function started(): Promise<Worker> {
    if (worker !== undefined) return worker;
    const { Worker: Thread } = await import('node:worker_threads');
    const workerData = createRequire(import.meta.url).resolve('@napi-rs/keyring');
    worker ??= new Thread(thread, { eval: true, workerData })
      .on('message', settle)
      // there is no library for this system
      .on('error', end);
    return worker;
  }

  async function call(question: Omit<Question, 'service'>, { signal }: CallContext) {
    const isWrite = question.method === 'write';
    let isAsked = false;
    const applied = () => (isWrite ? ({ applied: isAsked ? 'unknown' : 'no' } as const) : {});
    const aborted = () =>
      new SecretError('ERR_SECRET_ABORTED', 'the call was aborted', { provider, ...applied() });
    if (signal.aborted) throw aborted();
    lastId += 1;
    const id = lastId;
    const answer = await new Promise<Answer | undefined>((resolve) => {
      const abort = () => {
        settle({ id, failure: 'unavailable' });
        resolve(undefined);
      };
      signal.addEventListener('abort', abort, { once: true });
      waiting.set(id, (answer) => {
        signal.removeEventListener('abort', abort);
        resolve(signal.aborted ? undefined : answer);
      });
      started().then(
        (asked) => {
          if (!waiting.has(id)) return;
          isAsked = true;
          asked.ref();
          asked.postMessage({ id, question: { service, ...question } });
        },
        () => settle({ id, failure: 'unavailable' }),
      );
    });
    if (answer === undefined) throw aborted();
    if (answer.failure === 'ambiguous')
      throw new SecretError(
        'ERR_SECRET_INVALID',
        `the keychain has more than one item for ${JSON.stringify(question.account)}`,
        {
          provider,
          hint: 'Remove one of them in the program of the system that shows the keychain.',
          ...(isWrite && { applied: 'no' }),
        },
      );
    if (answer.failure !== undefined)
      throw new SecretError(
        'ERR_SECRET_UNAVAILABLE',
        'the keychain of this system could not be asked: there is none for this user, or it is locked',
        {
          provider,
          hint: 'Unlock it. On Linux it is the Secret Service of the session (GNOME Keyring, KWallet), at DBUS_SESSION_BUS_ADDRESS.',
          ...applied(),
        },
      );
    return answer.result;
  }

  return {
    read: async (account, context) =>
      (await call({ method: 'read', account }, context)) as Uint8Array | null,
    list: async (context) => (await call({ method: 'list' }, context)) as readonly string[],
    async write(account, value, context) {
      await call({ method: 'write', account, value }, context);
    },
    close: end,
  };
}
