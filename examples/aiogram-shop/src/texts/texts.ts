/**
 * What the bot says, by language. A language that lacks a text does not compile.
 */
import type { Config } from '../config.ts';
import { de } from './de.ts';
import { en } from './en.ts';

/** Everything that is said in one language. Money arrives formatted. */
export interface Texts {
  readonly commands: {
    readonly start: string;
    readonly catalogue: string;
    readonly cart: string;
    readonly support: string;
  };
  readonly buttons: {
    readonly catalogue: string;
    readonly cart: string;
    readonly previous: string;
    readonly next: string;
    readonly back: string;
    add(price: string): string;
    removeOne(product: string): string;
    readonly empty: string;
    order(total: string): string;
  };
  readonly welcome: string;
  readonly unknown: string;
  catalogue(page: number, pages: number): string;
  product(name: string, description: string, price: string): string;
  readonly gone: string;
  added(product: string, quantity: number): string;
  full(quantity: number): string;
  readonly cartEmpty: string;
  cart(lines: readonly string[], total: string): string;
  line(quantity: number, product: string, price: string): string;
  ordered(number: number, total: string): string;
  toPay(number: number, total: string, amount: number, address: string): string;
  readonly payLater: string;
  paid(number: number): string;
  readonly slowDown: string;
  newOrder(number: number, customer: string, lines: readonly string[], total: string): string;
  support(link: string): string;
  readonly noSupport: string;
  readonly broadcastUsage: string;
  broadcastDone(delivered: number, failed: number): string;
}

/** The languages that `BOT_LANGUAGE` may name. */
export type Language = Config['BOT_LANGUAGE'];

/** The texts of each language. */
export const texts: Readonly<Record<Language, Texts>> = { en, de };

/**
 * An amount of money as the language writes it.
 * @param hundredths - in hundredths of the currency's unit, so that sums stay whole
 */
export function money(
  hundredths: number,
  currency: Config['CURRENCY'],
  language: Language,
): string {
  return new Intl.NumberFormat(language, { style: 'currency', currency }).format(hundredths / 100);
}
