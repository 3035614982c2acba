/**
 * Prints how many bytes of V8's heap an operation takes: `MODULE NAME`, and its settings on standard input. The heap is
 * so large that nothing is collected while it counts. The least of some windows is the same on every machine.
 */
import { readFileSync } from 'node:fs';
import { PerformanceObserver } from 'node:perf_hooks';
import { setTimeout } from 'node:timers/promises';

let collections = 0;
new PerformanceObserver((list) => {
  collections += list.getEntries().length;
}).observe({ entryTypes: ['gc'] });

const [module, name] = process.argv.slice(2);
const settings = JSON.parse(readFileSync(0, 'utf8'));
const { operation, per = 1, close } = await (await import(module))[name](settings);
const repeats = per > 1 ? 20 : 150;
for (let warm = 0; warm < repeats * 20; warm += 1) await operation();

const sizes = [];
for (let window = 0; window < 30 && sizes.length < 9; window += 1) {
  globalThis.gc();
  await setTimeout(5);
  collections = 0;
  const before = process.memoryUsage().heapUsed;
  for (let repeat = 0; repeat < repeats; repeat += 1) await operation();
  const used = process.memoryUsage().heapUsed - before;
  await setTimeout(5); // until it is known what was collected
  if (collections === 0) sizes.push(used / repeats / per);
}
if (sizes.length === 0) throw new Error('garbage was collected in every window');
console.log(Math.min(...sizes));
await close();
process.exit();
