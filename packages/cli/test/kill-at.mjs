/**
 * Preloaded into a process: counts each change to the disk and each request to a server, and kills the
 * process with SIGKILL just before the one that `KILL_AT` names. A write of a file counts twice, since
 * it can end half-way, and so does a request, since the server may have acted when its answer comes.
 * `KILL_LOG` names a file that gets a line for each.
 */
import { appendFileSync, writeFileSync, writeSync } from 'node:fs';
import promises from 'node:fs/promises';
import http from 'node:http';
import { syncBuiltinESMExports } from 'node:module';

const { KILL_AT, KILL_LOG = '' } = process.env;
let count = 0;

/** Whether the process ends at this step. */
function isLast(what) {
  count += 1;
  if (KILL_LOG !== '') appendFileSync(KILL_LOG, `${what}\n`);
  return count === Number(KILL_AT);
}

function step(what) {
  if (isLast(what)) process.kill(process.pid, 'SIGKILL');
}

for (const name of ['open', 'rename', 'unlink', 'rm', 'link', 'symlink', 'mkdir']) {
  const original = promises[name];
  promises[name] = (path, ...rest) => {
    const isRead = name === 'open' && ['r', 0, 2048, undefined].includes(rest[0]);
    if (!isRead) step(`${name} ${name === 'symlink' ? rest[0] : path}`);
    return original(path, ...rest);
  };
}

const { writeFile } = promises;
promises.writeFile = (path, content, options) => {
  step(`writeFile ${path}`);
  if (isLast('half of it')) {
    writeFileSync(path, content.slice(0, content.length / 2), options);
    process.kill(process.pid, 'SIGKILL');
  }
  return writeFile(path, content, options);
};

const handle = await promises.open(new URL(import.meta.url));
const fileHandle = Object.getPrototypeOf(handle);
await handle.close();
for (const name of ['sync', 'chmod', 'writeFile']) {
  const original = fileHandle[name];
  fileHandle[name] = function (...args) {
    step(name);
    if (name === 'writeFile' && isLast('half of it')) {
      const bytes = Buffer.from(args[0]);
      writeSync(this.fd, bytes.subarray(0, bytes.length / 2));
      process.kill(process.pid, 'SIGKILL');
    }
    return original.apply(this, args);
  };
}

const { request } = http;
http.request = (...args) => {
  step('request');
  return request(...args).once('response', () => step('answer'));
};

syncBuiltinESMExports();
