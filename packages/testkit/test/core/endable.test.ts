// An iteration that is ended from outside while it waits for its next step.
import { expect, test } from 'vitest';
import { endable } from '../../../core/src/chain/endable.ts';

/** Steps that give one item and wait for their end, and note how they were ended. */
function waiting() {
  const noted: string[] = [];
  const steps = endable(async function* ({ signal: stop }) {
    noted.push('begun');
    try {
      yield 'first';
      await new Promise((resolve) => stop.addEventListener('abort', resolve, { once: true }));
      noted.push('stopped');
    } finally {
      noted.push('left');
    }
  });
  return { steps, noted };
}
const over = { done: true, value: undefined };

test('return ends a step that is under way', async () => {
  const { steps, noted } = waiting();
  expect(await steps.next()).toEqual({ done: false, value: 'first' });
  const second = steps.next();
  expect(await steps.return()).toEqual(over);
  expect(await second).toEqual(over);
  expect(noted).toEqual(['begun', 'stopped', 'left']);
});

test('throw ends it, too, and rejects with its reason', async () => {
  const { steps, noted } = waiting();
  await steps.next();
  const second = steps.next();
  await expect(steps.throw(new Error('enough'))).rejects.toThrow('enough');
  expect(await second).toEqual(over);
  expect(noted).toEqual(['begun', 'stopped', 'left']);
});

test('what ends it by itself is given to its steps', async () => {
  const noted: string[] = [];
  const steps = endable<string>(async function* (stop) {
    yield 'first';
    stop.signal.addEventListener('abort', () => noted.push('stopped'));
    stop.abort();
  });
  expect(await steps.next()).toEqual({ done: false, value: 'first' });
  expect(await steps.next()).toEqual(over);
  expect(noted).toEqual(['stopped']);
});
