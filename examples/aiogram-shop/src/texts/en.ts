import type { Texts } from './texts.ts';

/** English. */
export const en: Texts = {
  commands: {
    start: 'Start over',
    catalogue: 'See what we sell',
    cart: 'See your cart',
    support: 'Talk to us',
  },
  buttons: {
    catalogue: '🛍 Catalogue',
    cart: '🛒 Cart',
    previous: '« Previous',
    next: 'Next »',
    back: '« Back',
    add: (price) => `Add to cart · ${price}`,
    removeOne: (product) => `− 1 ${product}`,
    empty: 'Empty the cart',
    order: (total) => `Order · ${total}`,
  },
  welcome: 'Welcome to the tea shop! Choose something from the catalogue.',
  unknown: 'I did not understand that. Try /catalogue, /cart or /support.',
  catalogue: (page, pages) => `Catalogue, page ${page} of ${pages}`,
  product: (name, description, price) => `${name}\n${description}\n\n${price}`,
  gone: 'This is no longer sold.',
  added: (product, quantity) => `In your cart: ${quantity} × ${product}`,
  full: (quantity) => `More than ${quantity} of one kind cannot be ordered.`,
  cartEmpty: 'Your cart is empty.',
  cart: (lines, total) => `Your cart\n${lines.join('\n')}\n\nTotal: ${total}`,
  line: (quantity, product, price) => `${quantity} × ${product} = ${price}`,
  ordered: (number, total) => `Thank you! Order no. ${number} over ${total} is placed.`,
  toPay: (number, total, amount, address) =>
    `Thank you! Order no. ${number} over ${total} is placed. Please pay ${amount} BTC to\n${address}`,
  payLater: 'You cannot pay at the moment. We will get in touch.',
  paid: (number) => `Thank you! Order no. ${number} is paid.`,
  slowDown: 'That was too fast. Please wait a few seconds.',
  newOrder: (number, customer, lines, total) =>
    `New order no. ${number} by ${customer}\n${lines.join('\n')}\n\nTotal: ${total}`,
  support: (link) => `You reach us here: ${link}`,
  noSupport: 'There is no support contact at the moment.',
  broadcastUsage: 'Write the message behind the command: /broadcast We are closed on Monday.',
  broadcastDone: (delivered, failed) => `Sent to ${delivered}, failed for ${failed}.`,
};
