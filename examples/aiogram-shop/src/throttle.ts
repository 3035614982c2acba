/**
 * Keeps one customer from taking the time of all. With `REDIS_HOST` the counts are in Redis, where they outlive the bot; without
 * it, and while Redis does not answer, they are in memory.
 */
import { Redis, ReplyError } from 'ioredis';
import { errnoOf, type Log, ShopError } from './log.ts';

/** How many updates of one customer are handled in each span of time. */
const limit = 30;
const span = 10_000;

/** Counts the updates of each customer. */
export interface Throttle {
  /** Counts one more. `first` is the first that is too many: the customer may be told. */
  count(customer: number): Promise<'served' | 'first' | 'refused'>;
  /** How Redis is, where there is one. `refused`: it does not accept the password. */
  state(): RedisState | undefined;
  close(): void;
}

/** How Redis is. */
export type RedisState = 'ready' | 'unreachable' | 'refused';

/** Where Redis is, and what opens it. */
export interface RedisLogin {
  readonly host: string;
  /** The password as it is known. */
  password(): string | undefined;
  /** Asks the stores for it once more. Must not reject. */
  refresh(): Promise<unknown>;
}

/**
 * @param login - without it the counts are in memory
 * @throws {@link ShopError} if Redis does not accept the password; a Redis that is down is no error, but a line of the log
 */
export async function openThrottle(login: RedisLogin | undefined, log: Log): Promise<Throttle> {
  let memory = { at: 0, counts: new Map<number, number>() };
  function countHere(at: number, customer: number): number {
    if (memory.at !== at) memory = { at, counts: new Map() };
    const count = (memory.counts.get(customer) ?? 0) + 1;
    memory.counts.set(customer, count);
    return count;
  }

  const redis = login && (await connect(login, log));
  return {
    async count(customer) {
      const at = Math.floor(Date.now() / span);
      const count = (await redis?.count(at, customer)) ?? countHere(at, customer);
      return count <= limit ? 'served' : count === limit + 1 ? 'first' : 'refused';
    },
    state: () => redis?.state(),
    close: () => redis?.close(),
  };
}

async function connect({ host, password, refresh }: RedisLogin, log: Log) {
  let state: RedisState | undefined;
  const redis = new Redis({
    host,
    password: password() ?? '',
    lazyConnect: true,
    connectTimeout: 2_500,
    commandTimeout: 1_000,
    // a customer does not wait for Redis
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    // called before each new connection
    retryStrategy(attempt) {
      redis.options.password = password() ?? '';
      return Math.min(attempt * 100, 5_000);
    },
  });

  function become(next: RedisState, line: string): void {
    if (state !== next) log(line, next === 'ready' ? 'info' : 'warn');
    state = next;
  }
  const instead = 'Customers are counted in memory instead';
  redis.on('ready', () => become('ready', `Redis at ${host} answers.`));
  redis.on('error', (error) => {
    if (error instanceof ReplyError) {
      become('refused', `Redis at ${host} does not accept REDIS_PASSWORD. ${instead}.`);
      void refresh();
    } else
      become(
        'unreachable',
        `Redis at ${host} cannot be reached (${errnoOf(error) ?? 'no answer'}). ${instead}.`,
      );
  });

  await redis.connect().catch(() => {}); // the event `error` says why
  if (state === 'refused') {
    redis.disconnect();
    throw new ShopError('Redis does not accept REDIS_PASSWORD');
  }
  return {
    state: () => state,
    close: () => redis.disconnect(),
    /** Resolves to `undefined` if Redis cannot be asked. */
    async count(at: number, customer: number): Promise<number | undefined> {
      const key = `throttle:${customer}:${at}`;
      const answers = await redis
        .multi()
        .incr(key)
        .pexpire(key, span)
        .exec()
        .catch(() => null);
      const count = answers?.[0]?.[1];
      return typeof count === 'number' ? count : undefined;
    },
  };
}
