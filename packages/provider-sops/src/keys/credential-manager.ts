/**
 * The Credential Manager of Windows, for which the system has no program that prints an item: through the part of `@napi-rs/keyring` for
 * this machine. npm installs that on Windows alone, and may leave it out there (`--omit=optional`), so its name is put together here, and no
 * bundler asks for it. It answers beside the program, in a thread of libuv. What its errors say is thrown away.
 */
import { createRequire } from 'node:module';
import type { KeyAnswer } from './key-program.ts';

/** What is used of the library. */
interface Library {
  readonly AsyncEntry: new (service: string, account: string) => Item;
}

interface Item {
  /** UTF-16, as `setPassword` writes it; `null` if there is no such item. */
  getSecret(): Promise<readonly number[] | null>;
  /** Replaces what the item had. */
  setPassword(text: string): Promise<void>;
}

/** The package that asks it. */
export const credentialLibrary: string = `@napi-rs/keyring-win32-${process.arch}-msvc`;

/** Asks for an item, until the signal fires. Never throws. */
export function readCredential(
  service: string,
  account: string,
  signal: AbortSignal,
): Promise<KeyAnswer> {
  return withItem(service, account, signal, async (item) => {
    const secret = await item.getSecret();
    return secret === null ? undefined : Buffer.from(secret).toString('utf16le');
  });
}

/** Writes an item, until the signal fires. Never throws. */
export async function storeCredential(
  service: string,
  account: string,
  text: string,
  signal: AbortSignal,
): Promise<void> {
  await withItem(service, account, signal, async (item) => {
    await item.setPassword(text);
    return undefined;
  });
}

async function withItem(
  service: string,
  account: string,
  signal: AbortSignal,
  ask: (item: Item) => Promise<string | undefined>,
): Promise<KeyAnswer> {
  let library: Library;
  try {
    library = createRequire(import.meta.url)(credentialLibrary);
  } catch {
    return { isMissing: true };
  }
  const failed: KeyAnswer = { isMissing: false };
  if (signal.aborted) return failed;
  return new Promise((resolve) => {
    const end = (output?: string) => {
      signal.removeEventListener('abort', stop);
      resolve(output === undefined ? failed : { output });
    };
    const stop = () => end();
    signal.addEventListener('abort', stop, { once: true });
    // making it throws for a name that is too long
    Promise.resolve()
      .then(() => ask(new library.AsyncEntry(service, account)))
      .then(end, stop);
  });
}
