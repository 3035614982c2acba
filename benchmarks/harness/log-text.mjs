/** Log lines, the same each time, with a value in one of 50. */

const words =
  'GET POST /api/v1/users 200 404 12ms info warn error the connection to database pool was closed {"level":30,"time":1700000000} at Object.<anonymous> (/srv/app/server.js:10:22)'.split(
    ' ',
  );

/**
 * @param {number} bytes - at least
 * @param {readonly string[]} values
 * @returns {Buffer}
 */
export function logText(bytes, values) {
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

/** A text in pieces of 64 KiB, as a pipe gives it. */
export function* chunksOf(text) {
  for (let at = 0; at < text.length; at += 65_536) yield text.subarray(at, at + 65_536);
}
