import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { Readable } from 'node:stream';
import { text as textOf } from 'node:stream/consumers';
import { expect, test } from 'vitest';
import { createRedactor } from '../../src/redaction/redactor.ts';

const redactor = createRedactor();
redactor.add('correct horse battery');

test('a stream masks a value that arrives byte by byte', async () => {
  const bytes = [...Buffer.from('é: correct horse battery é')].map((byte) => Uint8Array.of(byte));
  const stream = ReadableStream.from(bytes).pipeThrough(redactor.stream());
  expect(await textOf(stream)).toBe('é: [redacted] é');
});

test('a stream takes strings', async () => {
  const stream = ReadableStream.from(['correct ', 'horse bat', 'tery 😀'.slice(0, 6), '\ude00']);
  expect(await textOf(stream.pipeThrough(redactor.stream()))).toBe('[redacted] 😀');
});

test('what cannot become a value is given out at once, however long the next chunk takes', async () => {
  const { readable, writable } = redactor.stream();
  const writer = writable.getWriter();
  const reader = readable.getReader();
  const read = async () => Buffer.from((await reader.read()).value ?? []).toString();
  const write = (text: string) => void writer.write(text);
  write('Password: ');
  expect(await read()).toBe('Password: ');
  write('is it correct h');
  expect(await read()).toBe('is it ');
  write('andling?');
  expect(await read()).toBe('correct handling?');
  write('now correct horse battery');
  expect(await read()).toBe('now [redacted]');
  void writer.close();
  expect(await reader.read()).toEqual({ done: true, value: undefined });
});

test('a stream whose reader waits takes in no more than one chunk', async () => {
  let pulled = 0;
  const source = new ReadableStream<Uint8Array>(
    {
      pull(controller) {
        pulled += 1;
        controller.enqueue(new Uint8Array(1_024).fill(120));
      },
    },
    { highWaterMark: 0 },
  );
  const reader = source.pipeThrough(redactor.stream()).getReader();
  await reader.read();
  // every promise of the pipe that can settle has settled after a turn of the event loop
  await new Promise(setImmediate);
  const after = pulled;
  await new Promise(setImmediate);
  expect(pulled).toBe(after);
  expect(after).toBeLessThanOrEqual(3);
});

test("a real child's output is masked where the child cuts the value in two writes", async () => {
  const script = `
    process.stdout.write('one correct horse ');
    process.stdin.once('data', () => process.stdout.end('battery two'));
  `;
  const child = spawn(process.execPath, ['-e', script], { stdio: ['pipe', 'pipe', 'inherit'] });
  const chunks = redactor.chunks();
  let shown = '';
  for await (const chunk of child.stdout) {
    shown += Buffer.from(chunks.push(chunk)).toString();
    if (shown === 'one ') child.stdin.end('go on');
  }
  shown += Buffer.from(chunks.end()).toString();
  if (child.exitCode === null) await once(child, 'exit');
  expect(shown).toBe('one [redacted] two');
});

test("it stands between Node's own streams", async () => {
  const web = Readable.toWeb(
    Readable.from([Buffer.from('correct horse'), Buffer.from(' battery!')]),
  );
  expect(await textOf(Readable.fromWeb(web.pipeThrough(redactor.stream())))).toBe('[redacted]!');
});
