/**
 * The result of `Secrets.explain`. A chunk of its own that the first call loads.
 */
import type { Resolution } from './chain.ts';
import type { Explanation } from './secrets.ts';

/** Which provider answered and what each one said; never the value. */
export function explanationOf(name: string, resolution: Resolution): Explanation {
  const { attempts } = resolution;
  if (resolution.kind !== 'found') return { name, found: false, attempts };
  const { cached, record, age, freshness, degraded } = resolution;
  return {
    name,
    found: true,
    provider: cached.provider.name,
    store: cached.provider.store,
    age,
    freshness,
    ...(record.version !== undefined && { version: record.version }),
    ...(record.createdAt !== undefined && { createdAt: record.createdAt }),
    ...(record.via !== undefined && { via: record.via }),
    ...(degraded !== undefined && { degraded }),
    attempts,
  };
}
