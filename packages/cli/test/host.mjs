/**
 * Runs `keyfall` commands one after the other in one process, each as the published bundle and as if it had the
 * process to itself: with its own arguments, environment, folder and copy of the bundle. To start Node takes
 * three times as long as most commands do.
 *
 * What is not as in a process of its own: packages that the bundle imports, and configurations that are programs, are
 * evaluated once; stdin is empty.
 */
import { writeSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, sep } from 'node:path';

const [, , bin] = process.argv;
const require = createRequire(import.meta.url);
const bundle = dirname(bin) + sep;
const exit = process.reallyExit.bind(process);
const events = ['exit', 'uncaughtException', 'warning'];

process.on('disconnect', () => exit(0));
process.on('message', async ({ args, cwd, env, end }) => {
  for (const name of Object.keys(process.env)) delete process.env[name];
  Object.assign(process.env, env);
  process.chdir(cwd);
  process.argv = [process.execPath, bin, ...args];
  for (const path of Object.keys(require.cache))
    if (path.startsWith(bundle)) delete require.cache[path];
  const own = new Map(events.map((event) => [event, process.rawListeners(event)]));
  const code = await new Promise((resolve) => {
    process.reallyExit = resolve; // what process.exit() calls after the listeners of `exit`
    require(bin);
  });
  process.reallyExit = exit;
  process._exiting = false;
  process.exitCode = undefined;
  for (const [event, listeners] of own)
    for (const listener of process.rawListeners(event))
      if (!listeners.includes(listener)) process.off(event, listener);
  // behind all that the command has written to them
  for (const stream of [1, 2]) writeSync(stream, end);
  process.send(code);
});
