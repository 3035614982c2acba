import { setTimeout } from 'node:timers/promises';
import { secrets } from './secrets.js';

/**
 * Does the work again if the login was refused: the password has changed a moment ago, in the database or in the
 * store first. A login that is refused has sent no query, so nothing is done twice.
 */
export async function again(name, work, isRefused) {
  for (let attempt = 1; ; attempt += 1)
    try {
      return await work();
    } catch (error) {
      if (attempt === 6 || !isRefused(error)) throw error;
      await setTimeout(attempt * 100);
      await secrets.get(name, { maxAge: 0 });
    }
}
