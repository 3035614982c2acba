// The program that `keyfall run` starts: it prints its secret in every way that --redact has to mask, and its digest.
import { createHash } from 'node:crypto';

const [name, mode] = process.argv.slice(2);
const value = process.env[name] ?? '';
const digest = createHash('sha256').update(value).digest('hex').slice(0, 24);
console.log(JSON.stringify({ digest, pid: process.pid }));
const show = (print) => {
  print(`password is ${value}, or ${encodeURIComponent(value)}`);
  print(JSON.stringify({ value, basic: Buffer.from(`me:${value}`).toString('base64') }));
};
show(console.log);
// what is on stderr at the start is what `keyfall run` says
if (mode === 'stay') setInterval(show, 2_000, console.error);
