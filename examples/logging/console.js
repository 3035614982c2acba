import { secrets } from './secrets.js';

for (const method of ['debug', 'log', 'info', 'warn', 'error']) {
  const print = console[method].bind(console);
  console[method] = (...parts) => print(...parts.map(secrets.redactor.serialize));
}

export const log = console;
