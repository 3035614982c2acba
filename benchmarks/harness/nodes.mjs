/** Each Node that the packages run on: those that `scripts/check-runtimes.mjs` fetches once. */
import { runtimes } from '../../scripts/runtimes/runtimes.mjs';

/** @returns {{ major: number, version: string, program: string }[]} oldest first; each is fetched when its program is asked for */
export function nodes() {
  return runtimes
    .filter(({ name }) => name === 'node')
    .map(({ version, programOf }) => ({
      major: Number(version.split('.')[0]),
      version,
      get program() {
        return programOf();
      },
    }));
}
