import { access } from 'node:fs/promises';

/** Whether there is something at the path. A link to nothing is nothing. */
export function isThere(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
