/**
 * Whether a figure grows over a run: the least squares line through its samples, so that one large sample at the end is
 * no growth, and a slow growth under noise is.
 */

/** A figure at a time. */
export type Sample = readonly [at: number, figure: number];

/** How a figure went. */
export interface Trend {
  /** By how much it grew from the first to the last sample, along the line. */
  readonly growth: number;
  /** The standard error of that. */
  readonly error: number;
  readonly first: number;
  readonly last: number;
  readonly samples: number;
}

/** The share of a run, at its beginning, in which caches fill and code is compiled: the heap still grows by a little then. */
const warmUp = 0.5;

/** How a figure went after the warm-up. Times may have any unit. */
export function trendOf(all: readonly Sample[]): Trend {
  const start = all[0]?.[0] ?? 0;
  const end = all.at(-1)?.[0] ?? 0;
  const samples = all.filter(([at]) => at >= start + (end - start) * warmUp);
  const count = samples.length;
  const [first, last] = [samples[0]?.[1] ?? 0, samples.at(-1)?.[1] ?? 0];
  if (count < 3) return { growth: 0, error: Number.POSITIVE_INFINITY, first, last, samples: count };
  const mean = (of: (sample: Sample) => number) =>
    samples.reduce((sum, sample) => sum + of(sample), 0) / count;
  const [time, figure] = [mean(([at]) => at), mean(([, value]) => value)];
  const spread = samples.reduce((sum, [at]) => sum + (at - time) ** 2, 0);
  const slope =
    samples.reduce((sum, [at, value]) => sum + (at - time) * (value - figure), 0) / spread;
  const residue = samples.reduce(
    (sum, [at, value]) => sum + (value - figure - slope * (at - time)) ** 2,
    0,
  );
  const span = end - (samples[0]?.[0] ?? 0);
  const error = Math.sqrt(residue / (count - 2) / spread) * span;
  return { growth: slope * span, error, first, last, samples: count };
}

/** Whether a figure grew by more than `allowed`, beyond what its noise may look like. */
export function hasGrown({ growth, error }: Trend, allowed: number): boolean {
  return growth - 3 * error > allowed;
}
