import { Redis } from 'ioredis';
import { secrets } from './secrets.js';

// follows the store, and can be read without waiting
const live = await secrets.view(['REDIS_PASS']);

const redis = new Redis({
  host: '127.0.0.1',
  port: Number(process.env.DB_PORT ?? 6379),
  username: 'shop',
  password: live.REDIS_PASS,
  // called before each new connection
  retryStrategy(attempt) {
    redis.options.password = live.REDIS_PASS;
    return Math.min(attempt * 50, 2_000);
  },
});

export const query = () => redis.incr('orders');
export const close = () => redis.quit();
