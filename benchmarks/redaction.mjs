// Redaction: how fast with 50 and with 10,000 values, whether twice the text takes twice the time, and how
// that compares with the floor (copying the bytes) and with the loop that people write (split and join,
// a value at a time, which masks the plain values only). Interleaved rounds; medians count. Times are
// CPU times of the process, since a machine that is paused now and then says little by the clock.
import { randomBytes } from 'node:crypto';
import { createRedactor } from '@keyfall/core';

const MB = 1_000_000;
const CHUNK = 65_536; // what a pipe gives at a time
const words =
  'GET POST /api/v1/users 200 404 12ms info warn error the connection to database pool was closed {"level":30,"time":1700000000} at Object.<anonymous> (/srv/app/server.js:10:22)'.split(
    ' ',
  );

/** Log lines, the same each time, with a value in one of 50. */
function logOf(bytes, values) {
  let seed = 1;
  const next = (below) => {
    seed = (Math.imul(seed, 1_103_515_245) + 12_345) >>> 0;
    return (seed >>> 8) % below;
  };
  const lines = [];
  for (let size = 0; size < bytes; ) {
    let line = '2026-11-24T18:00:00.000Z';
    for (let word = 0; word < 14; word += 1) line += ` ${words[next(words.length)]}`;
    line += next(50) === 0 ? ` ${values[next(values.length)]}\n` : '\n';
    lines.push(line);
    size += line.length;
  }
  return Buffer.from(lines.join(''));
}

async function millisecondsOf(work) {
  const before = process.cpuUsage();
  await work();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1_000;
}

function* chunksOf(text) {
  for (let at = 0; at < text.length; at += CHUNK) yield text.subarray(at, at + CHUNK);
}

function copy(text) {
  let size = 0;
  for (const chunk of chunksOf(text)) size += new Uint8Array(chunk).length;
  if (size !== text.length) throw new Error('the copy is not whole');
}

function pushAll(redactor, text) {
  const chunks = redactor.chunks();
  let size = 0;
  for (const chunk of chunksOf(text)) size += chunks.push(chunk).length;
  size += chunks.end().length;
  if (size >= text.length) throw new Error('nothing was masked');
}

async function stream(redactor, text) {
  let size = 0;
  for await (const chunk of ReadableStream.from(chunksOf(text)).pipeThrough(redactor.stream()))
    size += chunk.length;
  if (size >= text.length) throw new Error('nothing was masked');
}

const median = (numbers) => numbers.toSorted((a, b) => a - b)[numbers.length >> 1];

for (const count of [50, 10_000]) {
  const values = Array.from({ length: count }, () => randomBytes(24).toString('base64'));
  const text = logOf(100 * MB, values);
  const half = text.subarray(0, text.length / 2);
  const sample = text.subarray(0, MB).toString();
  const redactor = createRedactor();
  for (const value of values) redactor.add(value);
  const memory = process.memoryUsage().arrayBuffers;
  const built = await millisecondsOf(() => redactor.redact('the first text'));
  const megabytes = (process.memoryUsage().arrayBuffers - memory) / MB;
  for (let warm = 0; warm < 2; warm += 1) pushAll(redactor, text);

  const times = { copy: [], half: [], whole: [], stream: [], naive: [] };
  for (let round = 0; round < 7; round += 1) {
    times.copy.push(await millisecondsOf(() => copy(text)));
    times.half.push(await millisecondsOf(() => pushAll(redactor, half)));
    times.whole.push(await millisecondsOf(() => pushAll(redactor, text)));
    times.stream.push(await millisecondsOf(() => stream(redactor, text)));
    if (round < 3)
      times.naive.push(
        await millisecondsOf(() => {
          let masked = sample;
          for (const value of values) masked = masked.split(value).join('[redacted]');
        }),
      );
  }
  const whole = median(times.whole);
  const speed = (milliseconds) => `${((text.length / MB / milliseconds) * 1_000).toFixed(0)} MB/s`;
  console.log(`${count} values of 32 characters, ${(text.length / MB).toFixed(0)} MB of log lines`);
  console.log(`  first text: ${built.toFixed(0)} ms and ${megabytes.toFixed(1)} MB to build`);
  console.log(
    `  chunks: ${speed(whole)} (goal with 50 values: 200), web stream: ${speed(median(times.stream))}`,
  );
  console.log(
    `  time for the text / for half of it: ${(whole / median(times.half)).toFixed(2)} (linear: 2)`,
  );
  console.log(`  time / copying the bytes: ${(whole / median(times.copy)).toFixed(1)}`);
  console.log(
    `  time of split and join, by 1 MB / time: ${((median(times.naive) * text.length) / MB / whole).toFixed(0)}`,
  );
}

// the worst of texts: every byte goes on with a match that the next one breaks off
const hostile = createRedactor();
for (let length = 200; length < 250; length += 1) hostile.add(`${'a'.repeat(length)}b`);
const half = Buffer.from(`${'a'.repeat(10 * MB)}${'a'.repeat(200)}b`);
const whole = Buffer.concat([half, half]);
pushAll(hostile, half);
const times = { half: [], whole: [] };
for (let round = 0; round < 7; round += 1) {
  times.half.push(await millisecondsOf(() => pushAll(hostile, half)));
  times.whole.push(await millisecondsOf(() => pushAll(hostile, whole)));
}
console.log('50 values of 201 to 250 characters, 20 MB of nothing but their beginnings');
console.log(`  chunks: ${((whole.length / MB / median(times.whole)) * 1_000).toFixed(0)} MB/s`);
console.log(
  `  time for the text / for half of it: ${(median(times.whole) / median(times.half)).toFixed(2)} (linear: 2)`,
);
