import { expect, test } from 'vitest';
import { forEachLimited } from '../src/provider.ts';

test('forEachLimited takes each item once, five at a time', async () => {
  let underWay = 0;
  let most = 0;
  const done: number[] = [];
  const items = Array.from({ length: 23 }, (_, index) => index);
  await forEachLimited(items, async (item) => {
    underWay += 1;
    most = Math.max(most, underWay);
    await new Promise(setImmediate);
    underWay -= 1;
    done.push(item);
  });
  expect(most).toBe(5);
  expect(done.sort((a, b) => a - b)).toEqual(items);
});

test('forEachLimited rejects with the first failure', async () => {
  const failing = forEachLimited([1, 2, 3], async (item) => {
    if (item > 1) throw new Error(`item ${item}`);
  });
  await expect(failing).rejects.toThrow('item 2');
});
