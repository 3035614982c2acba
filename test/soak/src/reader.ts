/**
 * A process that reads for as long as the soak runs: gets in every way, a watch, a view, all names at once. It
 * reports what it has seen, and what it holds of the process. When told to, it ends all that it does, and then the
 * process has to end by itself.
 */
import { getEventListeners } from 'node:events';
import { setTimeout as wait } from 'node:timers/promises';
import { type ListenedChains, listenedChains } from './chains.ts';
import type { FromReader, ReaderSettings, Report, ToReader } from './messages.ts';
import { now } from './messages.ts';
import type { Way } from './oracle.ts';

const settings = JSON.parse(process.env['SOAK'] ?? '') as ReaderSettings;
// what a program would print of its environment is not what is looked for
delete process.env['SOAK'];
const { id, names, plant } = settings;

/** Milliseconds after which an answer like the one before is reported again. */
const repeatAfter = 250;

let reports: Report[] = [];
const send = (message: FromReader) => void process.send?.(message);
const lastAnswer = new Map<string, string>();
const lastReport = new Map<string, number>();

function report(next: Report): void {
  if (next.kind === 'observed') {
    const { way, name, digest, code, ended } = next.observation;
    const series = `${next.chain} ${way === 'view' ? 'view' : 'call'} ${name}`;
    const answer = String(digest === undefined ? code : digest);
    const key = `${next.chain} ${way} ${name}`;
    const isNews = lastAnswer.get(series) !== answer || way === 'watch';
    if (!isNews && ended - (lastReport.get(key) ?? 0) < repeatAfter) return;
    lastAnswer.set(series, answer);
    lastReport.set(key, ended);
  }
  reports.push(next);
}

let stepped = 0;
const over = new AbortController();
const { signal } = over;
const chains: ListenedChains = listenedChains(
  settings,
  report,
  (where) => send({ kind: 'leak', where }),
  () => stepped,
);
const { open, refused } = chains;
const steady = [...names.everywhere, names.bound, names.vaultOnly];
const asked = [...steady, names.sopsOnly, names.dotenvOnly, names.comesAndGoes];
const pick = <Item>(items: readonly Item[]) =>
  items[Math.floor(Math.random() * items.length)] as Item;
/** What is planted to be found. */
const kept: unknown[] = [];

async function readOn(): Promise<void> {
  for (let turn = 0; !signal.aborted; turn += 1) {
    const name = pick(asked);
    const options = turn % 2 === 0 ? { signal } : undefined;
    const get = (way: Way, more = {}) =>
      chains.observe(id, way, name, () => open.get(name, { ...options, ...more }));
    if (turn % 40 === 7) await get('fresh', { maxAge: 0 });
    else if (turn % 40 === 17) await readAll();
    else if (turn % 40 === 27)
      await chains.observe(`${id}-refused`, 'get', name, () => refused.get(name));
    else if (turn % 20 === 13)
      await chains.observe(id, 'get', names.nowhere, () => open.find(names.nowhere, options));
    else if (turn % 100 === 53) chains.search('explain', await open.explain(name));
    else if (turn % 200 === 153) chains.search('status', await open.refresh());
    else await get('get');
    if (plant === 'heap') kept.push(`${turn}${'x'.repeat(10_000)}`.split(''));
    if (plant === 'handles') setInterval(() => {}, 3_600_000);
    if (plant === 'listeners') signal.addEventListener('abort', () => {});
    await wait(20 + Math.random() * 60);
  }
}

async function readAll(): Promise<void> {
  const began = now();
  const all = await open.getAll({ signal }).catch(() => ({}));
  for (const [name, value] of Object.entries(all))
    if (asked.includes(name)) chains.seen(id, 'all', name, began, value);
}

/** Reads each name that a watch says has changed, and again after an outage, in which that may have failed. */
async function follow(): Promise<void> {
  const look = async (name: string) => {
    for (;;) {
      const { digest } = await chains.observe(id, 'watch', name, () => open.get(name));
      if (digest !== undefined || signal.aborted) return;
      await wait(200);
    }
  };
  open.on('recovered', () => {
    for (const name of watched) void look(name);
  });
  const watched = names.everywhere;
  for await (const { name } of open.watch(watched, { signal })) await look(name);
}

async function look(): Promise<void> {
  const view = await untilRead(() => open.view(steady, { signal }));
  while (view && !signal.aborted) {
    const name = pick(steady);
    const began = now();
    try {
      chains.seen(id, 'view', name, began, view[name] as string);
    } catch {
      // the rules allow no value: what get() says to it is judged
    }
    await wait(50);
  }
}

async function untilRead<Result>(read: () => Promise<Result>): Promise<Result | undefined> {
  while (!signal.aborted)
    try {
      return await read();
    } catch {
      await wait(200);
    }
  return undefined;
}

/** Listeners of the process, of its sockets and pipes, and of the signal that all calls share. */
function countListeners(): number {
  const emitters: NodeJS.EventEmitter[] = [process];
  const active = (process as { _getActiveHandles?: () => unknown[] })._getActiveHandles?.() ?? [];
  for (const handle of active)
    if (typeof (handle as NodeJS.EventEmitter).eventNames === 'function')
      emitters.push(handle as NodeJS.EventEmitter);
  let count = getEventListeners(signal, 'abort').length;
  for (const emitter of emitters)
    for (const event of emitter.eventNames()) count += emitter.listenerCount(event);
  return count;
}

function sendState(): void {
  globalThis.gc?.();
  globalThis.gc?.();
  const handles: Record<string, number> = {};
  for (const kind of process.getActiveResourcesInfo()) handles[kind] = (handles[kind] ?? 0) + 1;
  const heap = process.memoryUsage().heapUsed;
  send({ kind: 'state', at: now(), heap, handles, listeners: countListeners() });
}

const flush = () => {
  const { gets } = chains;
  send({ kind: 'reports', reports, gets });
  reports = [];
};
const flushing = setInterval(flush, 250);
const looking = setInterval(sendState, settings.lookEvery);
const work = Promise.all(plant === 'enough' ? [] : [readOn(), readOn(), follow(), look()]);

process.on('message', (message: ToReader) => {
  if (message.kind === 'clock') stepped += message.by;
  else void finish(message.close);
});

// its parent has ended: there is nothing to report to
process.on('disconnect', () => {
  if (!signal.aborted) process.exit(1);
});

async function finish(close: boolean): Promise<void> {
  over.abort();
  await work;
  clearInterval(flushing);
  clearInterval(looking);
  flush();
  if (close) await Promise.all([open.close(), refused.close()]);
  if (plant === 'ending') setInterval(() => {}, 1_000);
  process.disconnect();
}

if (plant === 'leak')
  setTimeout(
    async () => console.error('planted:', await untilRead(() => open.get('TOKEN'))),
    3_000,
  );
