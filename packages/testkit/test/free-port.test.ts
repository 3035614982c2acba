import { createServer } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { onFreePorts } from '../src/machine/free-port.ts';

/** Takes a port, as another program might. */
async function occupy(port: number): Promise<void> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
}

test('where another program takes a port first, the start is tried again on others', async () => {
  const tried: number[] = [];
  const started = await onFreePorts(async (nextPort) => {
    tried.push(await nextPort(), await nextPort());
    if (tried.length > 2) return 'started';
    await occupy(Number(tried[1]));
    throw new Error('ended with 1');
  });
  expect(started).toBe('started');
  expect(tried).toHaveLength(4);
  expect(tried[3]).not.toBe(tried[1]);
});

test('a start that fails on ports that are still free is not tried again', async () => {
  let attempts = 0;
  const start = onFreePorts(async (nextPort) => {
    await nextPort();
    attempts += 1;
    throw new Error('has a defect');
  });
  await expect(start).rejects.toThrow('has a defect');
  expect(attempts).toBe(1);
});

test('where every port is taken, the fifth failure is the last', async () => {
  let attempts = 0;
  const start = onFreePorts(async (nextPort) => {
    await occupy(await nextPort());
    attempts += 1;
    throw new Error(`failed ${attempts} times`);
  });
  await expect(start).rejects.toThrow('failed 5 times');
});
