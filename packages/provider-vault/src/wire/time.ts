/**
 * Lengths of time: what a timer of Node can wait, and how a length is written for people.
 */

/** Longer timers fire at once in Node. Milliseconds. */
export const longestTimer: number = 2 ** 31 - 1;

/** A length of time for people: `45 s`, `12 min`, `3 h`, `20 d`. */
export function spanOf(milliseconds: number): string {
  const seconds = Math.round(milliseconds / 1_000);
  if (seconds < 120) return `${seconds} s`;
  if (seconds < 7_200) return `${Math.round(seconds / 60)} min`;
  if (seconds < 172_800) return `${Math.round(seconds / 3_600)} h`;
  return `${Math.round(seconds / 86_400)} d`;
}
