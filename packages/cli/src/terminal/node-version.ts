/**
 * Whether this version of Node is supported. An older one may start Keyfall, and read a file as if it were empty.
 */
import { SecretError } from '@keyfall/core';

/** The oldest Node that Keyfall is tested on: `engines` of its package. */
export const oldestNode = '20.19.0';

/** Whether a version of three numbers comes before another. */
export function isOlder(version: string, than: string): boolean {
  const ours = version.split('.').map(Number.parseFloat);
  for (const [at, wanted] of than.split('.').map(Number).entries()) {
    const is = ours[at] ?? 0;
    if (is !== wanted) return is < wanted;
  }
  return false;
}

/** @throws `ERR_SECRET_CONFIG` on a Node that is too old */
export function assertNodeIsNew(): void {
  const { node } = process.versions;
  if (isOlder(node, oldestNode))
    throw new SecretError('ERR_SECRET_CONFIG', `Node ${node} is too old for Keyfall`, {
      hint: `Install ${oldestNode} or later; \`keyfall doctor\` says how.`,
    });
}
