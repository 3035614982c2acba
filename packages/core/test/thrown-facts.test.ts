// What is told of something that a provider threw: enough to find the defect, and nothing of its text.
import { runInNewContext } from 'node:vm';
import { describe, expect, test } from 'vitest';
import { toSecretError } from '../src/calls/foreign-error.ts';
import { thrownFacts } from '../src/calls/thrown-facts.ts';

const canary = 'canary-7be1';

/** An error with a stack as V8 writes it. */
function errorWith(message: string, ...frames: readonly string[]): Error {
  const error = new TypeError(message);
  error.stack = [`TypeError: ${message}`, ...frames.map((frame) => `    at ${frame}`)].join('\n');
  return error;
}

test('the class, and where it was thrown', () => {
  class StoreClosed extends Error {}
  const { type, frames } = thrownFacts(new StoreClosed(canary));
  expect(type).toBe('StoreClosed');
  expect(frames[0]).toMatch(/^test\/thrown-facts\.test\.ts:\d+$/);
  expect(frames.length).toBeLessThanOrEqual(5);
});

test('the class and the place of a DOMException, which an aborted fetch rejects with', async () => {
  const thrown = new DOMException(canary, 'AbortError');
  const { type, frames } = thrownFacts(thrown);
  expect(type).toBe('DOMException');
  // Bun does not note where one was made
  const place = thrown.stack && expect.stringMatching(/^test\/thrown-facts\.test\.ts:\d+$/);
  expect(frames[0]).toEqual(place);
  const late = await new Promise((_, reject) => {
    AbortSignal.timeout(0).addEventListener('abort', ({ target }) =>
      reject((target as AbortSignal).reason),
    );
  }).catch((reason: unknown) => reason);
  expect(thrownFacts(late)).toEqual({ type: 'DOMException', frames: [] });
});

test.each([
  [canary, 'string'],
  [undefined, 'undefined'],
  [{ message: canary, stack: `Error: ${canary}\n    at /a/b.js:1:2` }, 'object'],
])('of what is no error its type alone: %#', (thrown, type) => {
  expect(thrownFacts(thrown)).toEqual({ type, frames: [] });
});

test.each([
  ['read (/srv/app/node_modules/@acme/store/dist/index.js:12:3)', '@acme/store/dist/index.js:12'],
  ['async Object.read (file:///srv/app/src/my-store.mjs:7:1)', 'src/my-store.mjs:7'],
  ['/srv/node_modules/a/node_modules/b/lib.js:3:4', 'b/lib.js:3'],
  ['new Store (C:\\app\\src\\store.js:9:1)', 'src/store.js:9'],
  ['node:internal/process/task_queues:105:5', undefined],
  ['eval (eval at <anonymous> (/srv/app/x.js:1:1), <anonymous>:1:7)', undefined],
  [`data:text/javascript,${canary}:1:7`, undefined],
  [`/srv/app/${canary}?token=${canary}:1:7`, undefined],
])('a frame %s', (frame, told) => {
  expect(thrownFacts(errorWith('x', frame)).frames).toEqual(told === undefined ? [] : [told]);
});

test('the innermost five', () => {
  const lines = Array.from({ length: 9 }, (_, index) => `read (/srv/app/a.js:${index + 1}:3)`);
  expect(thrownFacts(errorWith('x', ...lines)).frames).toEqual([
    'app/a.js:1',
    'app/a.js:2',
    'app/a.js:3',
    'app/a.js:4',
    'app/a.js:5',
  ]);
});

describe('a text that looks like frames is not taken for frames', () => {
  const frame = 'read (/srv/app/a.js:1:3)';
  const fake = `    at ${canary} (/srv/${canary}/${canary}.js:1:1)`;

  test('in the message', () => {
    const { frames } = thrownFacts(errorWith(`first\n${fake}\nlast`, frame));
    expect(frames).toEqual(['app/a.js:1']);
  });

  test.each(['', 'changed', 'first\nchanged'])('in a message that is another now: %j', (now) => {
    const error = errorWith(`first\n${fake}`, frame);
    error.message = now;
    expect(thrownFacts(error).frames).toEqual([]);
  });
});

test('an error that refuses to be looked at, and one with a made-up class', () => {
  const hostile = new Error('x');
  Object.defineProperty(hostile, 'stack', {
    get() {
      throw new Error(canary);
    },
  });
  expect(thrownFacts(hostile)).toEqual({ type: 'Error', frames: [] });
  const dynamic = Object.defineProperty(class extends Error {}, 'name', { value: `a ${canary}` });
  expect(thrownFacts(new dynamic('x')).type).toBe('Error');
});

test.each([
  ['Deno', { name: 'NotCapable' }],
  ['node --permission', { code: 'ERR_ACCESS_DENIED' }],
])('what the permissions of %s refuse is no defect of the provider', async (_, facts) => {
  const thrown = Object.assign(new Error(canary), facts);
  const error = await toSecretError(thrown, 'shelf');
  expect(error).toMatchObject({ code: 'ERR_SECRET_DENIED', provider: 'shelf', thrown: undefined });
  expect(error.message).not.toContain(canary);
});

test('an error of another realm, as Node throws them under Jest, means what it means elsewhere', async () => {
  const thrown = (code?: string) =>
    Object.assign(runInNewContext(`new Error('${canary}')`), code && { code });
  expect(thrown()).not.toBeInstanceOf(Error);
  expect((await toSecretError(thrown('ECONNREFUSED'), 'shelf')).code).toBe(
    'ERR_SECRET_UNAVAILABLE',
  );
  expect((await toSecretError(thrown('CERT_HAS_EXPIRED'), 'shelf')).code).toBe('ERR_SECRET_TLS');
  expect(await toSecretError(thrown(), 'shelf')).toMatchObject({
    code: 'ERR_SECRET_PROVIDER',
    thrown: { type: 'Error' },
  });
});

test('what refuses to be looked at is a defect of the provider, too', async () => {
  const thrown = {
    get code() {
      throw new Error(canary);
    },
  };
  expect(await toSecretError(thrown, 'shelf')).toMatchObject({ code: 'ERR_SECRET_PROVIDER' });
});
