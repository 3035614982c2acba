// A cached get against an async function that returns Map.get, and a view's property against Map.get:
// what the chain costs where it has nothing to do. Interleaved rounds; the median ratio counts.
import { createSecrets, memoryProvider } from '@keyfall/core';

const values = Object.fromEntries(
  Array.from({ length: 40 }, (_, index) => [`NAME_${index}`, `value ${index}`]),
);
const names = Object.keys(values);
const secrets = createSecrets({ providers: [memoryProvider(values)] });
const view = await secrets.view(names);
const map = new Map(Object.entries(values));
const getFromMap = async (name) => map.get(name);
for (let warm = 0; warm < 3; warm += 1) for (const name of names) await secrets.get(name);

async function timeAsync(get, rounds) {
  const started = performance.now();
  let length = 0;
  for (let round = 0; round < rounds; round += 1)
    for (const name of names) length += (await get(name)).length;
  if (length === 0) throw new Error('nothing was read');
  return performance.now() - started;
}

function timeSync(get, rounds) {
  const started = performance.now();
  let length = 0;
  for (let round = 0; round < rounds; round += 1)
    for (const name of names) length += get(name).length;
  if (length === 0) throw new Error('nothing was read');
  return performance.now() - started;
}

const median = (numbers) => numbers.sort((a, b) => a - b)[numbers.length >> 1];
const rounds = 41;
const asyncRatios = [];
const syncRatios = [];
for (let round = 0; round < rounds; round += 1) {
  const floor = await timeAsync(getFromMap, 2_000);
  asyncRatios.push((await timeAsync((name) => secrets.get(name), 2_000)) / floor);
  const mapFloor = timeSync((name) => map.get(name), 20_000);
  syncRatios.push(timeSync((name) => view[name], 20_000) / mapFloor);
}
console.log(`cached get / async Map.get: ${median(asyncRatios).toFixed(2)} (goal 1.15)`);
console.log(`view property / Map.get: ${median(syncRatios).toFixed(2)} (goal 1.5)`);
await secrets.close();
