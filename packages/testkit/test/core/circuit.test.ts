/**
 * How soon a store that fails is probed: soon for a call that goes without, and late while nobody needs it, since a fleet
 * that probes often is what a store meets when it comes back.
 */
import { createSecrets } from '@keyfall/core';
import { manualClock } from '@keyfall/testkit';
import { describe, expect, test } from 'vitest';
import { scripted } from './scripted-provider.ts';

const minute = 60_000;

/** A store whose values were read, and which has failed to refresh them since. */
async function failing(others: readonly ReturnType<typeof scripted>[] = []) {
  const clock = manualClock();
  const vault = scripted('vault', { A: 'a' });
  const secrets = createSecrets({ providers: [vault, ...others], ttl: '5m', clock });
  secrets.on('fallback', () => {});
  await secrets.get('A');
  vault.mood = 'unavailable';
  await clock.advance(5 * minute);
  expect(await secrets.get('A')).toBe('a');
  await clock.advance(0);
  expect(secrets.status()[0]).toMatchObject({ breaker: 'open' });
  return { clock, vault, secrets, readsSo: vault.reads.length };
}

describe('while last good values stand in', () => {
  test('the first probe comes after a third to two thirds of ttl', async () => {
    const { clock, vault, secrets, readsSo } = await failing();
    await clock.advance(100_000 - 1);
    expect(await secrets.get('A')).toBe('a');
    expect(vault.reads).toHaveLength(readsSo);
    await clock.advance(100_000 + 1);
    expect(vault.reads).toHaveLength(readsSo + 1);
    await secrets.close();
  });

  test('no pause is longer, so the end of an outage is found within ttl', async () => {
    const { clock, vault, secrets, readsSo } = await failing();
    for (let probes = 1; probes <= 20; probes += 1) {
      await clock.advance(200_000);
      expect(vault.reads.length).toBeGreaterThanOrEqual(readsSo + probes);
    }
    vault.mood = 'answers';
    await clock.advance(200_000);
    expect(secrets.status()[0]).toMatchObject({ breaker: 'closed' });
    await secrets.close();
  });
});

describe('the first probe comes within a second, and the next ones after pauses that double', () => {
  test.each([
    ['of a name that was not read before', 'B', 'ERR_SECRET_UNAVAILABLE'],
    ['of everything, where the whole is not known', 'all', 'ERR_SECRET_UNAVAILABLE'],
  ])('once a call %s gets no answer', async (_, what, code) => {
    const clock = manualClock();
    const vault = scripted('vault', { A: 'a', B: 'b' }, { byName: true });
    const secrets = createSecrets({ providers: [vault], ttl: '5m', clock });
    secrets.on('fallback', () => {});
    await secrets.get('A');
    vault.mood = 'unavailable';
    await clock.advance(5 * minute);
    await secrets.get('A');
    await clock.advance(0);
    const before = vault.reads.length;
    const call = what === 'all' ? secrets.getAll() : secrets.get(what);
    await expect(call).rejects.toMatchObject({ code });
    await clock.advance(1_000);
    expect(vault.reads).toHaveLength(before + 1);
    await clock.advance(2_000);
    expect(vault.reads).toHaveLength(before + 2);
    // a second call does not begin from the start again
    await expect(secrets.get('B')).rejects.toMatchObject({ code });
    // the third one comes after 3.5 s at the earliest
    await clock.advance(499);
    expect(vault.reads).toHaveLength(before + 2);
    vault.mood = 'answers';
    await clock.advance(4_000);
    expect(await secrets.get('B')).toBe('b');
    await secrets.close();
  });

  test('once a name that the store did not hold is in no other store either', async () => {
    const { clock, vault, secrets, readsSo } = await failing();
    await expect(secrets.find('ELSEWHERE')).rejects.toMatchObject({
      code: 'ERR_SECRET_UNAVAILABLE',
    });
    await clock.advance(1_000);
    expect(vault.reads).toHaveLength(readsSo + 1);
    await secrets.close();
  });

  test('and not where a later provider answers for it as before', async () => {
    const { clock, vault, secrets, readsSo } = await failing([scripted('dotenv', { B: 'plain' })]);
    expect(await secrets.get('B')).toBe('plain');
    await clock.advance(100_000 - 1);
    expect(vault.reads).toHaveLength(readsSo);
    await secrets.close();
  });
});
