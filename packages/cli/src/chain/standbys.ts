/**
 * A provider on standby helps in an outage only if it can be read then. So each start looks at it and warns of what is
 * wrong with it, and starts all the same.
 */
import { isSecretError } from '@keyfall/core';
import { labelOf, type SecretProvider } from '@keyfall/core/provider';
import type { CliChain } from './cli-chain.ts';
import { oneCall } from './one-call.ts';

/** Milliseconds that a look at one may take: a start does not wait longer for what it does not need. */
const timeout = 1_000;

/** What is wrong with the providers on standby, a sentence or two each. Does not reject. */
export async function standbyProblems({ standbys }: CliChain): Promise<readonly string[]> {
  const troubles = await Promise.all([...standbys].map(problemOfStandby));
  return troubles.filter((trouble) => trouble !== undefined);
}

async function problemOfStandby(provider: SecretProvider): Promise<string | undefined> {
  const sentence = (why: string, hint = '') =>
    `${labelOf(provider.name, provider.store)} is on standby, and could not stand in now: ${why}. ${hint}`.trim();
  try {
    const { entries, missingDocument } = await oneCall(
      // its own limit is for when it is needed
      { ...provider, timeout },
      (context) => provider.read('all', context),
      { silent: true, timeout },
    );
    if (missingDocument) return sentence(`it ${missingDocument.description}`);
    const broken = [...entries.values()].find((entry) => isSecretError(entry));
    return broken && sentence(broken.reason, broken.hint);
  } catch (error) {
    return isSecretError(error) ? sentence(error.reason, error.hint) : undefined;
  }
}
