/**
 * The process of one subject. It reads a request a line on standard input and writes an answer a line to file
 * descriptor 3: first `{ start: [module, name], settings }`, then `{ milliseconds, width }` for each round, with
 * `operations` where so many are enough, or `{ call: true }` for a single operation, which may fail, or `{ profile: operations }` for where
 * the CPU time of so many goes. Another `start` takes its place.
 *
 * What the module exports under that name takes the settings and returns the operation, or
 * `{ operation, per, close }`, where an operation repeats something `per` times.
 */
import { writeSync } from 'node:fs';
import { createInterface } from 'node:readline';

let operation;
let per = 1;
let close = () => {};

async function start([module, name], settings) {
  await close();
  const { [name]: starting } = await import(module);
  const started = await starting(settings);
  ({
    operation,
    per = 1,
    close = () => {},
  } = typeof started === 'function' ? { operation: started } : started);
  return {};
}

async function call() {
  const began = performance.now();
  const answered = await Promise.resolve(operation()).then(
    () => true,
    () => false,
  );
  return { wall: performance.now() - began, answered };
}

async function round({ milliseconds, width, operations = Number.POSITIVE_INFINITY }) {
  const times = [];
  const before = process.cpuUsage();
  const began = performance.now();
  const end = began + milliseconds;
  const work = async () => {
    let now = performance.now();
    do {
      const started = now;
      await operation();
      now = performance.now();
      times.push(now - started);
    } while (now < end && times.length < operations);
  };
  if (width === 1) await work();
  else await Promise.all(Array.from({ length: width }, work));
  const wall = (performance.now() - began) * 1_000;
  const { user, system } = process.cpuUsage(before);
  times.sort((a, b) => a - b);
  const p50 = (times[times.length >> 1] * 1_000) / per;
  return { count: times.length * per, wall, cpu: user + system, p50 };
}

/** Whose a function of a profile is: `undefined` for the time in which nothing runs. */
function partOf({ functionName, url }) {
  if (functionName === '(idle)') return undefined;
  if (functionName === '(garbage collector)') return 'garbage';
  // functions of C++ have no file
  if (url === '') return 'system';
  if (url.startsWith('node:')) return 'node';
  return /\/packages\/([\w-]+)\//.exec(url)?.[1] ?? 'rest';
}

/** Microseconds of CPU time that one operation takes, by whose code it is. */
async function profile(operations) {
  const { Session } = await import('node:inspector/promises');
  const session = new Session();
  session.connect();
  await session.post('Profiler.enable');
  await session.post('Profiler.setSamplingInterval', { interval: 100 });
  await session.post('Profiler.start');
  for (let done = 0; done < operations; done += 1) await operation();
  const { profile } = await session.post('Profiler.stop');
  session.disconnect();
  const parts = {};
  const nodes = new Map(profile.nodes.map((node) => [node.id, partOf(node.callFrame)]));
  for (const [index, id] of profile.samples.entries()) {
    const part = nodes.get(id);
    if (part !== undefined) parts[part] = (parts[part] ?? 0) + profile.timeDeltas[index];
  }
  for (const part of Object.keys(parts)) parts[part] /= operations * per;
  return parts;
}

for await (const line of createInterface(process.stdin)) {
  const request = JSON.parse(line);
  let answer;
  try {
    if (request.start) answer = await start(request.start, request.settings);
    else if (request.profile) answer = await profile(request.profile);
    else answer = request.call ? await call() : await round(request);
  } catch (error) {
    answer = { error: String(error?.stack ?? error) };
  }
  writeSync(3, `${JSON.stringify(answer)}\n`);
}
await close();
process.exit();
