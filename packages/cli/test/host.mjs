/**
 * Runs `keyfall` commands one after the other in one process, each as the published bundle and as if it had the
 * process to itself: with its own arguments, environment, folder and modules of the bundle. To start Node takes
 * three times as long as most commands do.
 *
 * What is not as in a process of its own: packages that the bundle imports, and configurations that are programs, are
 * evaluated once; stdin is empty.
 */
import { readFileSync, writeSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { compileFunction, constants } from 'node:vm';

const [, , bin] = process.argv;
const exit = process.reallyExit.bind(process);
const events = ['exit', 'uncaughtException', 'warning'];

/** The files of the bundle as functions: to compile them takes longer than most commands do. */
const compiled = new Map();

function compile(source, parameters, filename) {
  const importModuleDynamically = constants.USE_MAIN_CONTEXT_DEFAULT_LOADER;
  return compileFunction(source, parameters, { filename, importModuleDynamically });
}

function compiledFile(path) {
  const source = readFileSync(path, 'utf8').replace(/^#!.*/, '');
  return compile(source, ['exports', 'require', 'module', '__filename', '__dirname'], path);
}

/** Evaluates a file of the bundle, and what it requires of the bundle, as if for the first time. */
function evaluate(path, modules = new Map()) {
  const known = modules.get(path);
  if (known) return known.exports;
  const module = { exports: {} };
  modules.set(path, module);
  const require = createRequire(path);
  const own = (id) => (id.startsWith('.') ? evaluate(require.resolve(id), modules) : require(id));
  if (!compiled.has(path)) compiled.set(path, compiledFile(path));
  compiled.get(path)(module.exports, Object.assign(own, require), module, path, dirname(path));
  return module.exports;
}

// Node warns once that this option is experimental, which no command has to do with
const listeners = process.rawListeners('warning');
process.removeAllListeners('warning');
await compile('return import("node:vm")', [], import.meta.filename)();
await setImmediate(); // the warning comes in a later turn
for (const listener of listeners) process.on('warning', listener);

process.on('disconnect', () => exit(0));
process.on('message', async ({ args, cwd, env, end }) => {
  for (const name of Object.keys(process.env)) delete process.env[name];
  Object.assign(process.env, env);
  process.chdir(cwd);
  process.argv = [process.execPath, bin, ...args];
  const own = new Map(events.map((event) => [event, process.rawListeners(event)]));
  const code = await new Promise((resolve) => {
    process.reallyExit = resolve; // what process.exit() calls after the listeners of `exit`
    evaluate(bin);
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
