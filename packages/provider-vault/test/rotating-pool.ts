import { setTimeout as wait } from 'node:timers/promises';
import type { Secrets } from '@keyfall/core';
import pg from 'pg';

/** A pool that follows its credentials. Ask it for the pool at each query, and keep none. */
export async function rotatingPool(credentials: Secrets, settings: pg.PoolConfig) {
  const open = async () => {
    // one getAll: a username and a password of the same set
    const { username, password } = await credentials.getAll();
    return (
      new pg.Pool({ ...settings, user: username, password })
        // an idle connection that ends is no reason to stop the program: the next query opens another
        .on('error', () => {})
    );
  };
  const stop = new AbortController();
  const changes = credentials.watch('password', { signal: stop.signal });
  const first = changes.next(); // watches before the first credentials are read, so that no change is missed
  let pool = await open();

  const replace = async () => {
    const next = await open();
    const old = pool;
    pool = next;
    // end() waits for the queries under way, but forgets those that still wait for a connection
    while (old.waitingCount > 0) await wait(20);
    await old.end();
  };
  const follow = async () => {
    for (let change = await first; !change.done; change = await changes.next())
      replace().catch((error) =>
        console.error(`the pool keeps its old credentials: ${error.code}`),
      );
  };
  void follow();

  return {
    get current(): pg.Pool {
      return pool;
    },
    async close() {
      stop.abort();
      await pool.end();
    },
  };
}
