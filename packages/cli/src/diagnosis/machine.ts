/**
 * What `doctor` looks at besides the providers: what Keyfall runs on, and the settings.
 */
import { isSecretError } from '@keyfall/core';
import { nearNames } from '@keyfall/core/provider';
import type { CliChain } from '../chain/cli-chain.ts';
import { isOlder, oldestNode } from '../terminal/node-version.ts';
import { countNames, listNames } from '../terminal/terminal.ts';
import type { Finding } from './finding.ts';

/** Whether Node is new enough. */
export function checkNode(version: string): Finding {
  const subject = 'node';
  return isOlder(version, oldestNode)
    ? {
        subject,
        state: 'failing',
        message: `${version} is too old: Keyfall needs ${oldestNode} or later`,
        hint: 'Install a later Node.',
        code: 'node-too-old',
      }
    : { subject, state: 'ready', message: version };
}

function areThere(count: number): string {
  return count === 1
    ? 'the one name that must be there is'
    : `all ${countNames(count)} that must be there are`;
}

/** Whether the names are there that the configuration says must be. */
export async function checkNames({ secrets, names }: CliChain): Promise<Finding[]> {
  if (names.length === 0) return [];
  const subject = 'names';
  try {
    const held = await secrets.list();
    const missing = names.filter((name) => !held.includes(name));
    if (missing.length === 0) return [{ subject, state: 'ready', message: areThere(names.length) }];
    const near = missing.flatMap((name) => nearNames(name, held));
    const [first = ''] = missing;
    return [
      {
        subject,
        state: 'failing',
        message: `no provider holds ${listNames(missing)}`,
        hint: near.length > 0 ? `Is it called ${listNames(near)}?` : 'Store each of them.',
        code: 'names-missing',
        facts: { name: first },
      },
    ];
  } catch (error) {
    if (!isSecretError(error)) throw error;
    return [{ subject, state: 'unknown', message: 'could not be checked: see below' }];
  }
}
