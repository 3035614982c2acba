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
  let pool = await open();

  const follow = async () => {
    const next = await open();
    const old = pool;
    pool = next;
    // end() waits for the queries under way, but forgets those that still wait for a connection
    while (old.waitingCount > 0) await wait(20);
    await old.end();
  };
  const stop = await credentials.onChange('password', () => {
    follow().catch((error) => console.error(`the pool keeps its old credentials: ${error.code}`));
  });

  return {
    get current(): pg.Pool {
      return pool;
    },
    async close() {
      stop();
      await pool.end();
    },
  };
}
