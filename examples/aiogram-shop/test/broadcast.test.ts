import { GrammyError } from 'grammy';
import { describe, expect, it } from 'vitest';
import { type Audience, broadcast, createAudience, isAdmin } from '../src/broadcast.ts';
import { emptyDatabase } from './fixtures.ts';

async function audienceOf(...chats: number[]): Promise<Audience> {
  const audience = createAudience(await emptyDatabase());
  for (const chat of chats) audience.add(chat);
  return audience;
}

const refused = (errorCode: number, retryAfter?: number) =>
  new GrammyError(
    'Refused',
    {
      ok: false,
      error_code: errorCode,
      description: '',
      ...(retryAfter !== undefined && { parameters: { retry_after: retryAfter } }),
    },
    'sendMessage',
    {},
  );

describe('isAdmin', () => {
  it('is true for the admins, and not without an id', () => {
    expect(isAdmin([1, 2], 2)).toBe(true);
    expect(isAdmin([1, 2], 3)).toBe(false);
    expect(isAdmin([1, 2], undefined)).toBe(false);
    expect(isAdmin([], 1)).toBe(false);
  });
});

describe('broadcast', () => {
  it('counts what arrived, and forgets a user who blocked the bot', async () => {
    const audience = await audienceOf(1, 2, 3);
    const lines: string[] = [];
    const send = async (chat: number) => {
      if (chat === 1) throw refused(403);
      if (chat === 2) throw refused(500);
    };
    expect(await broadcast(audience, send, (line) => lines.push(line))).toEqual({
      delivered: 1,
      failed: 2,
    });
    expect(audience.all()).toEqual([2, 3]);
    expect(lines).toEqual([expect.stringMatching(/\bsendMessage\b.*\b500\b/)]);
  });

  it('repeats once where Telegram names a short time, and never for a long one', async () => {
    const calls: number[] = [];
    const waits = new Map([
      [1, [0]],
      [2, [0, 0]],
      [3, [3600]],
    ]);
    const send = async (chat: number) => {
      calls.push(chat);
      const retryAfter = waits.get(chat)?.shift();
      if (retryAfter !== undefined) throw refused(429, retryAfter);
    };
    expect(await broadcast(await audienceOf(1, 2, 3), send, () => {})).toEqual({
      delivered: 1,
      failed: 2,
    });
    expect(calls).toEqual([1, 1, 2, 2, 3]);
  });
});
