import { describe, expect, it } from 'vitest';
import { money, type Texts, texts } from '../src/texts/texts.ts';

/** Every text of a language by its place, with words put where the bot puts its own. */
function saidBy(node: object, place = ''): Map<string, string> {
  const said = new Map<string, string>();
  for (const [key, value] of Object.entries(node)) {
    const here = `${place}${key}`;
    if (typeof value === 'string') said.set(here, value);
    else if (typeof value === 'function') said.set(here, value(...(argumentsOf[here]?.() ?? [])));
    else for (const entry of saidBy(value, `${here}.`)) said.set(...entry);
  }
  return said;
}

const argumentsOf: Readonly<Record<string, () => unknown[]>> = {
  'buttons.add': () => ['1 €'],
  'buttons.removeOne': () => ['Tea'],
  'buttons.order': () => ['1 €'],
  catalogue: () => [2, 3],
  product: () => ['Tea', 'Green', '1 €'],
  added: () => ['Tea', 2],
  full: () => [99],
  cart: () => [['1 × Tea'], '1 €'],
  line: () => [1, 'Tea', '1 €'],
  ordered: () => [7, '1 €'],
  toPay: () => [7, '1 €', 0.00012, 'bc1-address'],
  paid: () => [7],
  newOrder: () => [7, '@somebody', ['1 × Tea'], '1 €'],
  support: () => ['https://t.me/x'],
  broadcastDone: () => [3, 1],
};

describe('texts', () => {
  const languages = Object.entries(texts) as [string, Texts][];

  it.each(languages)('%s says every text, with all that belongs into it', (_language, words) => {
    for (const [place, said] of saidBy(words)) {
      expect(said, place).not.toBe('');
      expect(said, place).not.toMatch(/undefined|NaN|\[object/);
      const put = argumentsOf[place]?.().flat() ?? [];
      for (const word of put) expect(said, place).toContain(String(word));
    }
  });

  it('says different things in different languages', () => {
    const english = saidBy(texts.en);
    const same = [...saidBy(texts.de)].filter(([place, said]) => english.get(place) === said);
    expect(same.map(([place]) => place)).toEqual(['buttons.removeOne', 'product', 'line']);
  });

  it('writes money as the language does', () => {
    expect(money(123_456, 'EUR', 'de')).toBe('1.234,56\u00a0€');
    expect(money(123_456, 'EUR', 'en')).toBe('€1,234.56');
    expect(money(85_000, 'JPY', 'en')).toBe('¥850');
  });
});
