/**
 * The program: `node dist/main.js`, in the directory of `.env`.
 *
 * Exits with 0 when it was stopped, 2 for wrong settings, 3 if no store could be asked, 4 if one
 * refused, 5 if what it holds is broken, 1 for anything else: the codes of the `keyfall` command.
 */
import { isSecretError, type SecretErrorCode } from '@keyfall/core';
import { createLog, describeError } from './log.ts';
import { runShop } from './shop.ts';

const exitCodes: Readonly<Partial<Record<SecretErrorCode, number>>> = {
  ERR_SECRET_CONFIG: 2,
  ERR_SECRET_UNAVAILABLE: 3,
  ERR_SECRET_DENIED: 4,
  ERR_SECRET_UNAUTHENTICATED: 4,
  ERR_SECRET_TLS: 4,
  ERR_SECRET_INVALID: 5,
};

const { log, maskBy } = createLog();

function fail(error: unknown): void {
  log(`The shop cannot run: ${describeError(error)}`, 'error');
  process.exitCode = (isSecretError(error) && exitCodes[error.code]) || 1;
}

const stopping = new AbortController();
// once: a second one ends the process at once, as it does by default
for (const name of ['SIGTERM', 'SIGINT'] as const)
  process.once(name, () => {
    log(`${name}: stopping.`);
    stopping.abort();
  });

// Node would print the error as it is, with whatever is in it
process.on('uncaughtException', (error) => {
  fail(error);
  process.exit();
});

runShop({
  environment: process.env,
  directory: process.cwd(),
  log,
  maskBy,
  signal: stopping.signal,
}).catch(fail);
