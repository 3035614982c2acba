/**
 * What the system calls a failure, for a program that acts on it.
 */
/** Node's code of a system error (`ENOENT`), which unlike its message holds no text of others. */
export function errnoCode(error: unknown): string | undefined {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  return typeof code === 'string' && /^[A-Z][A-Z0-9_]*$/.test(code) ? code : undefined;
}
