/**
 * What the bot shows: each screen is a text with its buttons. The data of a button is a verb and its
 * subject (`add:sencha`), which `bot.ts` understands.
 */
import { InlineKeyboard } from 'grammy';
import type { Cart } from './cart.ts';
import { cataloguePage, type Product } from './catalogue.ts';
import type { Config } from './config.ts';
import { type Language, money, type Texts, texts } from './texts/texts.ts';

/** A text with the buttons under it. */
export interface Screen {
  readonly text: string;
  readonly keyboard: InlineKeyboard;
}

/** The screens in one language and currency. */
export interface Screens {
  readonly words: Texts;
  welcome(): Screen;
  catalogue(page: number, entries: number): Screen;
  product(product: Product): Screen;
  cart(cart: Cart): Screen;
  /** One line of text for each product of a cart. */
  lines(cart: Cart): readonly string[];
  price(hundredths: number): string;
  nameOf(product: Product): string;
}

/** Screens as `BOT_LANGUAGE` and `CURRENCY` say. */
export function createScreens(language: Language, currency: Config['CURRENCY']): Screens {
  const words = texts[language];
  const { buttons } = words;
  const price = (hundredths: number) => money(hundredths, currency, language);
  const nameOf = ({ name }: Product) => name[language];
  const lines = ({ lines: held }: Cart) =>
    held.map(({ product, quantity }) =>
      words.line(quantity, nameOf(product), price(product.price * quantity)),
    );

  return {
    words,
    price,
    nameOf,
    lines,
    welcome: () => ({
      text: words.welcome,
      keyboard: new InlineKeyboard().text(buttons.catalogue, 'page:1').text(buttons.cart, 'cart:'),
    }),
    catalogue(wanted, entries) {
      const { page, pages, products } = cataloguePage(wanted, entries);
      const keyboard = new InlineKeyboard();
      for (const product of products)
        keyboard
          .text(`${nameOf(product)} · ${price(product.price)}`, `product:${product.id}`)
          .row();
      if (page > 1) keyboard.text(buttons.previous, `page:${page - 1}`);
      if (page < pages) keyboard.text(buttons.next, `page:${page + 1}`);
      keyboard.row().text(buttons.cart, 'cart:');
      return { text: words.catalogue(page, pages), keyboard };
    },
    product(product) {
      const shown = price(product.price);
      return {
        text: words.product(nameOf(product), product.description[language], shown),
        keyboard: new InlineKeyboard()
          .text(buttons.add(shown), `add:${product.id}`)
          .row()
          .text(buttons.back, 'page:1')
          .text(buttons.cart, 'cart:'),
      };
    },
    cart(cart) {
      const keyboard = new InlineKeyboard();
      if (cart.lines.length === 0)
        return { text: words.cartEmpty, keyboard: keyboard.text(buttons.catalogue, 'page:1') };
      const total = price(cart.total);
      for (const { product } of cart.lines)
        keyboard.text(buttons.removeOne(nameOf(product)), `remove:${product.id}`).row();
      keyboard.text(buttons.order(total), 'order:').row();
      keyboard.text(buttons.empty, 'empty:').text(buttons.catalogue, 'page:1');
      return { text: words.cart(lines(cart), total), keyboard };
    },
  };
}
