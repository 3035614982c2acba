/**
 * A tool that prints the value of one name: it is started once for each name, a few at a time.
 */
import { isUtf8 } from 'node:buffer';
import { isSecretError, SecretError } from '@keyfall/core';
import type { ReadContext, SecretBatch, SecretRecord } from '@keyfall/core/provider';
import { argumentsFor } from './command-template.ts';
import { type ExitCodes, failure } from './exit-codes.ts';
import { type Program, runProgram } from './run-program.ts';

/** One value: bytes. */
const maxOutput = 1024 * 1024;

/** How many run at once. */
const maxAtOnce = 4;

/**
 * Asks for each of `names`.
 *
 * @param codes - what its exit codes mean
 * @throws as {@link runProgram}; what an exit code says is an error of its name
 */
export async function askTool(
  program: Program,
  codes: ExitCodes,
  names: readonly string[],
  { signal, stamp }: ReadContext,
): Promise<SecretBatch> {
  const answers = new Map<string, SecretRecord | SecretError>();
  const stamped = stamp?.();
  const stop = new AbortController();
  const either = AbortSignal.any([signal, stop.signal]);
  const waiting = names[Symbol.iterator]();
  const worker = async () => {
    for (const name of waiting) {
      const entry = await askFor(program, codes, name, either);
      if (entry !== undefined) answers.set(name, entry);
    }
  };
  try {
    await Promise.all(Array.from({ length: maxAtOnce }, worker));
  } catch (error) {
    // the others would be of no use
    stop.abort();
    throw error;
  }
  const entries = new Map<string, SecretRecord | SecretError>();
  for (const name of names) {
    const answer = answers.get(name);
    if (answer !== undefined) entries.set(name, answer);
  }
  return { entries, complete: false, ...(stamped !== undefined && { stamp: stamped }) };
}

async function askFor(
  program: Program,
  codes: ExitCodes,
  secretName: string,
  signal: AbortSignal,
): Promise<SecretRecord | SecretError | undefined> {
  const { provider, label } = program;
  const args = argumentsFor(program.args, secretName);
  const ended = await runProgram({ ...program, args }, undefined, { signal, maxOutput }).catch(
    (error: unknown) => {
      // one that prints too much or is killed says nothing about other names
      const isOfName =
        isSecretError(error, 'ERR_SECRET_INVALID') ||
        isSecretError(error, 'ERR_SECRET_UNAVAILABLE');
      if (!isOfName) throw error;
      return error.with({ secretName });
    },
  );
  if (isSecretError(ended)) return ended;
  const { exitCode, output } = ended;
  if (exitCode === 0) {
    // gpg says of a file that was cut that all is well; an empty value has its line break at least
    if (output.length === 0)
      return new SecretError('ERR_SECRET_INVALID', `${label} prints nothing at all`, {
        provider,
        secretName,
      });
    if (isUtf8(output)) return { value: output.toString().replace(/\r?\n$/, '') };
    return new SecretError('ERR_SECRET_INVALID', `${label} prints something that is not UTF-8`, {
      provider,
      secretName,
    });
  }
  const kind = codes.get(exitCode);
  if (kind === 'missing') return undefined;
  if (kind !== undefined) return failure(program, kind, { exitCode, secretName });
  return new SecretError(
    'ERR_SECRET_INVALID',
    `${label} ended with exit code ${exitCode}, of which the option exitCodes does not say what it means`,
    {
      provider,
      secretName,
      setting: { option: 'exitCodes' },
      hint: 'Run it by hand for this name, and for one that is not there, and map the exit codes that tell them apart.',
    },
  );
}
