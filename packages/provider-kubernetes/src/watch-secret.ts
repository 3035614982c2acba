/**
 * Follows one Secret: a list says which state it is in, a watch from there what happens to it. The API ends a watch after some
 * minutes, and may forget the state from which one would go on (410): then it is listed again.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { isSecretError, SecretError, systemClock } from '@keyfall/core/provider';
import { type CallContext, type KubernetesApi, wrongAddress } from './kubernetes-api.ts';

/** Milliseconds between two tries while the API cannot be asked, from the first to the longest. */
const firstPause = 500;
const longestPause = 30_000;

/** How long the API is asked to keep a watch open, in seconds. */
const watchLength = 290;

/** What is watched. */
interface Watched {
  readonly secret: string;
  readonly provider: string;
  /** The state that a reader has seen; `undefined` if none has read. */
  readonly shownState: () => string | undefined;
}

/**
 * Calls `onChange` for each change of the Secret, until the signal fires: from the state that a reader has seen, however long
 * the first list takes.
 *
 * @throws what the first list throws, except `ERR_SECRET_UNAVAILABLE`
 */
export async function watchSecret(
  api: KubernetesApi,
  { secret, provider, shownState }: Watched,
  onChange: () => void,
  signal: AbortSignal,
): Promise<void> {
  const context: CallContext = { signal };
  const selected = `fieldSelector=metadata.name%3D${encodeURIComponent(secret)}`;
  let state: string | undefined;
  let from: string | undefined;
  let delay = firstPause;

  /** Which state the Secret is in, and where a watch goes on from here. */
  async function list(): Promise<void> {
    const reply = await api.ask({ method: 'GET', path: `?${selected}` }, context);
    if (reply.kind !== 'ok') throw reply.error;
    const { metadata, items } = Object(reply.json);
    const version = Object(metadata).resourceVersion;
    if (typeof version !== 'string' || !Array.isArray(items))
      throw new SecretError('ERR_SECRET_INVALID', 'the list of secrets has no version', {
        provider,
        hint: wrongAddress,
      });
    const now = items.map((item) => `${Object(Object(item).metadata).resourceVersion}`).join();
    const before = state ?? shownState() ?? now;
    state = now;
    if (before !== now) onChange();
    from = version;
  }

  async function follow(): Promise<void> {
    const query = `${selected}&watch=1&allowWatchBookmarks=true&timeoutSeconds=${watchLength}`;
    // a connection that something in between has forgotten would never end
    // (not `AbortSignal.timeout`: on Node 20 one to which `any` alone refers may be collected, and never fires)
    const late = new AbortController();
    const cancel = systemClock.schedule(() => late.abort(), (watchLength + 30) * 1_000, true);
    const limited = { signal: AbortSignal.any([signal, late.signal]) };
    try {
      for await (const event of api.watch(`?${query}&resourceVersion=${from}`, limited)) {
        const { type, object } = Object(event);
        const version = Object(Object(object).metadata).resourceVersion;
        // 410 as an event: what happened since then is not known any more
        if (type === 'ERROR' || typeof version !== 'string')
          throw new SecretError('ERR_SECRET_UNAVAILABLE', 'the watch ended with an error', {
            provider,
          });
        from = version;
        delay = firstPause;
        if (type === 'BOOKMARK') continue;
        state = type === 'DELETED' ? '' : version;
        onChange();
      }
    } finally {
      cancel();
    }
  }

  const wait = (milliseconds: number) =>
    pause(milliseconds * (1 - Math.random() / 10), undefined, { signal, ref: false }).catch(
      () => {},
    );

  while (!signal.aborted)
    try {
      if (from === undefined) await list();
      else {
        await follow();
        // one that ends at once must not be begun again at once
        await wait(firstPause);
      }
    } catch (error) {
      if (signal.aborted) return;
      if (!isSecretError(error)) throw error;
      // a policy that forbids it will not change by itself; later on a failure may pass
      if (state === undefined && error.code !== 'ERR_SECRET_UNAVAILABLE') throw error;
      from = undefined;
      await wait(delay);
      delay = Math.min(delay * 2, longestPause);
    }
}
