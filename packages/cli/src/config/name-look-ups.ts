/**
 * How long the system may look for the address of a host. Node asks the C library, in a thread that nothing
 * can call off, and a process that wants to end waits for it: while no name server answers, a command that had
 * given up after its time limit ended 10 s later (5 s for each of two attempts, by default). The C library of
 * most Linux systems takes other limits from the variable `RES_OPTIONS` (resolv.conf(5)).
 */

/** Two attempts of a second each: all that has a place in a command's own time limits. */
const limits = 'timeout:1 attempts:2';

let areOurs = false;

/** Bounds look-ups of this process from now on, unless the user has said how long they may take. */
export function boundNameLookUps(): void {
  if (process.env['RES_OPTIONS'] !== undefined) return;
  process.env['RES_OPTIONS'] = limits;
  areOurs = true;
}

/** The environment that we were started with: a program of the user's is given nothing of this. */
export function inheritedEnvironment(): Readonly<Record<string, string | undefined>> {
  if (!areOurs) return process.env;
  const { RES_OPTIONS: _, ...inherited } = process.env;
  return inherited;
}
