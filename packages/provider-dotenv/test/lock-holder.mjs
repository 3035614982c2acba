// Another program that keeps to the lock of a `.env` file: takes it, waits to be told, adds a line,
// and gives it back.
import { appendFileSync, rmSync, writeFileSync } from 'node:fs';

const path = process.argv[2];
const lock = `${path}.keyfall-lock`;
writeFileSync(lock, JSON.stringify({ pid: process.pid, place: 'the same', born: '', id: 'x' }), {
  flag: 'wx',
});
process.once('message', () => {
  appendFileSync(path, 'B=other\n');
  rmSync(lock);
  process.disconnect();
});
process.send('locked');
