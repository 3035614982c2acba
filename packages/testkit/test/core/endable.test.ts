// An iteration that is ended from outside while it waits for its next step.
import { expect, test } from 'vitest';
import { endable } from '../../../core/src/chain/endable.ts';

/** Steps that give one item and wait for their end, and note how they were ended. */
function waiting(signalOf: () => AbortSignal | undefined = () => undefined) {
  const noted: string[] = [];
  const steps = endable(signalOf, async function* (stop) {
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

test('so does the signal, which is let go with the iteration', async () => {
  const controller = new AbortController();
  const { steps, noted } = waiting(() => controller.signal);
  await steps.next();
  const second = steps.next();
  controller.abort();
  expect(await second).toEqual(over);
  expect(noted).toEqual(['begun', 'stopped', 'left']);
});

test('a signal outlives the iterations that listened to it', async () => {
  const { signal } = new AbortController();
  let listeners = 0;
  const { addEventListener, removeEventListener } = signal;
  signal.addEventListener = (...args: Parameters<typeof addEventListener>) => {
    listeners += 1;
    addEventListener.apply(signal, args);
  };
  signal.removeEventListener = (...args: Parameters<typeof removeEventListener>) => {
    listeners -= 1;
    removeEventListener.apply(signal, args);
  };
  const { steps } = waiting(() => signal);
  await steps.next();
  expect(listeners).toBe(1);
  await steps.return();
  expect(listeners).toBe(0);
});

test('nothing begins under a signal that has fired, and the signal is asked for at the first step', async () => {
  let asked = 0;
  const { steps, noted } = waiting(() => {
    asked += 1;
    return AbortSignal.abort();
  });
  expect(asked).toBe(0);
  expect(await steps.next()).toEqual(over);
  expect([asked, noted]).toEqual([1, []]);
});
