/**
 * What every drill ends with: all that was said while something was broken (errors, events, warnings
 * and whatever was printed, by whomever and with `DEBUG=*`) is searched for the token and the values.
 */
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { createSecrets, isSecretError, type SecretError, type Secrets } from '@keyfall/core';
import { assertNoLeak } from '@keyfall/testkit';
import { vi } from 'vitest';

type Options = Parameters<typeof createSecrets>[0];

const eventTypes = [
  'fallback',
  'recovered',
  'denied',
  'failed',
  'refreshed',
  'changed',
  'warning',
] as const;

export interface Witness {
  /** Every event of the chains that were opened, in order, with its `type`. */
  readonly events: readonly ({ readonly type: string } & Readonly<Record<string, unknown>>)[];
  /** A chain that is listened to, and closed in the end. */
  open(options: Options): Secrets;
  /** The error of a call. It must be one of ours. */
  errorOf(call: Promise<unknown> | undefined): Promise<SecretError>;
  /** Notes something else that was said. */
  note(...said: readonly unknown[]): void;
  /** Closes the chains and searches all that was said. */
  finish(): Promise<void>;
}

/** @param canaries - tokens and values that nothing may show; more may be pushed while it runs */
export function witness(canaries: readonly string[]): Witness {
  const said: unknown[] = [];
  const events: Witness['events'][number][] = [];
  const chains: Secrets[] = [];
  const spies: { mockRestore(): void }[] = (['log', 'info', 'warn', 'error', 'debug'] as const).map(
    (method) =>
      vi.spyOn(console, method).mockImplementation((...printed) => void said.push(...printed)),
  );
  // a library writes past the console
  for (const stream of [process.stdout, process.stderr])
    spies.push(
      vi.spyOn(stream, 'write').mockImplementation((text) => {
        said.push(String(text));
        return true;
      }),
    );
  const onWarning = (warning: Error) => void said.push(warning);
  process.on('warning', onWarning);
  // what observers of the process are told, whoever listens to the chain
  const onEvent = (message: unknown) => void said.push(message);
  for (const type of eventTypes) subscribe(`keyfall:${type}`, onEvent);
  // read by the libraries that node-vault loads, when they are loaded
  vi.stubEnv('DEBUG', '*');
  return {
    events,
    open(options) {
      const secrets = createSecrets(options);
      for (const type of eventTypes) secrets.on(type, (facts) => events.push({ ...facts, type }));
      chains.push(secrets);
      return secrets;
    },
    async errorOf(call) {
      const error = await call?.then(
        () => undefined,
        (reason: unknown) => reason,
      );
      said.push(error);
      if (!isSecretError(error)) throw new Error('did not reject with a SecretError');
      return error;
    },
    note: (...more) => void said.push(...more),
    async finish() {
      for (const chain of chains) {
        said.push(chain.status());
        await chain.close();
      }
      process.off('warning', onWarning);
      for (const type of eventTypes) unsubscribe(`keyfall:${type}`, onEvent);
      for (const spy of spies) spy.mockRestore();
      vi.unstubAllEnvs();
      assertNoLeak(canaries, ...said, ...events);
    },
  };
}
