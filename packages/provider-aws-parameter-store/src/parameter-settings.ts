/**
 * What reading, listing and writing of parameters have in common.
 */
import type { ParameterStoreCalls } from './parameter-store-service.ts';

/** Which parameters, and how they are asked for. */
export interface ParameterSettings {
  readonly calls: ParameterStoreCalls;
  readonly provider: string;
  /** The parameter of `NAME` is `<path>NAME`. Begins and ends with `/`. */
  readonly path: string;
  readonly keyId: string | undefined;
}

/**
 * Whether a parameter may have this name below the path (User Guide, "Requirements and constraints for parameter names").
 * At the root the names that begin with `aws` or `ssm` are AWS's own: some of them lead to other services.
 */
export function isPossibleParameter(path: string, name: string): boolean {
  const full = path + name;
  return (
    /^(?:\/[A-Za-z0-9_.-]+){1,15}$/.test(full) &&
    full.length <= 1_011 &&
    !(path === '/' && /^(?:aws|ssm)/i.test(name))
  );
}
