import type { Texts } from './texts.ts';

/** German. */
export const de: Texts = {
  commands: {
    start: 'Von vorn beginnen',
    catalogue: 'Unser Angebot ansehen',
    cart: 'Den Warenkorb ansehen',
    support: 'Mit uns sprechen',
  },
  buttons: {
    catalogue: '🛍 Katalog',
    cart: '🛒 Warenkorb',
    previous: '« Zurück',
    next: 'Weiter »',
    back: '« Zurück',
    add: (price) => `In den Warenkorb · ${price}`,
    removeOne: (product) => `− 1 ${product}`,
    empty: 'Warenkorb leeren',
    order: (total) => `Bestellen · ${total}`,
  },
  welcome: 'Willkommen im Teeladen! Im Katalog findest du unser Angebot.',
  unknown: 'Das habe ich nicht verstanden. Versuche /catalogue, /cart oder /support.',
  catalogue: (page, pages) => `Katalog, Seite ${page} von ${pages}`,
  product: (name, description, price) => `${name}\n${description}\n\n${price}`,
  gone: 'Das gibt es nicht mehr.',
  added: (product, quantity) => `Im Warenkorb: ${quantity} × ${product}`,
  full: (quantity) => `Mehr als ${quantity} von einer Sorte sind nicht möglich.`,
  cartEmpty: 'Dein Warenkorb ist leer.',
  cart: (lines, total) => `Dein Warenkorb\n${lines.join('\n')}\n\nSumme: ${total}`,
  line: (quantity, product, price) => `${quantity} × ${product} = ${price}`,
  ordered: (number, total) => `Danke! Bestellung Nr. ${number} über ${total} ist eingegangen.`,
  toPay: (number, total, amount, address) =>
    `Danke! Bestellung Nr. ${number} über ${total} ist eingegangen. Bitte zahle ${amount} BTC an\n${address}`,
  payLater: 'Zurzeit kann man nicht bezahlen. Wir melden uns.',
  paid: (number) => `Danke! Bestellung Nr. ${number} ist bezahlt.`,
  slowDown: 'Das war zu schnell. Bitte warte einige Sekunden.',
  newOrder: (number, customer, lines, total) =>
    `Neue Bestellung Nr. ${number} von ${customer}\n${lines.join('\n')}\n\nSumme: ${total}`,
  support: (link) => `Hier erreichst du uns: ${link}`,
  noSupport: 'Zurzeit gibt es keinen Kontakt zum Support.',
  broadcastUsage: 'Schreibe die Nachricht hinter den Befehl: /broadcast Montag geschlossen.',
  broadcastDone: (delivered, failed) => `An ${delivered} gesendet, bei ${failed} gescheitert.`,
};
