/**
 * What the shop sells. A list in the code: this example is about settings, not about stock.
 */
import type { Language } from './texts/texts.ts';

/** One thing to buy. */
export interface Product {
  /** Short and stable: it travels in the buttons of messages sent long ago. */
  readonly id: string;
  /** In hundredths of the currency's unit. */
  readonly price: number;
  readonly name: Readonly<Record<Language, string>>;
  readonly description: Readonly<Record<Language, string>>;
}

function tea(id: string, price: number, en: [string, string], de: [string, string]): Product {
  return {
    id,
    price,
    name: { en: en[0], de: de[0] },
    description: { en: en[1], de: de[1] },
  };
}

/** Everything on sale, in the order it is shown. */
export const catalogue: readonly Product[] = [
  tea('assam', 690, ['Assam', 'Black, malty, 100 g'], ['Assam', 'Schwarz, malzig, 100 g']),
  tea(
    'darjeeling',
    980,
    ['Darjeeling', 'Black, first flush, 100 g'],
    ['Darjeeling', 'Schwarz, erste Ernte, 100 g'],
  ),
  tea('sencha', 850, ['Sencha', 'Green, grassy, 100 g'], ['Sencha', 'Grün, grasig, 100 g']),
  tea('matcha', 2450, ['Matcha', 'Green, ground, 30 g'], ['Matcha', 'Grün, gemahlen, 30 g']),
  tea('oolong', 1120, ['Oolong', 'Half fermented, 100 g'], ['Oolong', 'Halb fermentiert, 100 g']),
  tea('rooibos', 540, ['Rooibos', 'Without caffeine, 100 g'], ['Rotbusch', 'Ohne Koffein, 100 g']),
  tea('mint', 420, ['Peppermint', 'Dried leaves, 50 g'], ['Pfefferminze', 'Getrocknet, 50 g']),
  tea('camomile', 450, ['Camomile', 'Whole flowers, 50 g'], ['Kamille', 'Ganze Blüten, 50 g']),
  tea('pot', 3200, ['Teapot', 'Glass, 1 litre'], ['Teekanne', 'Glas, 1 Liter']),
  tea('strainer', 790, ['Strainer', 'Stainless steel'], ['Teesieb', 'Edelstahl']),
];

const byId: ReadonlyMap<string, Product> = new Map(catalogue.map((one) => [one.id, one]));

/** The product with this id, or `undefined` if it is no longer sold. */
export function findProduct(id: string): Product | undefined {
  return byId.get(id);
}

/**
 * One page of the catalogue.
 *
 * @param wanted - the page, from 1; one that does not exist becomes the nearest that does, since
 *   the size of a page may have changed since the button was sent
 * @param entries - products on a page
 */
export function cataloguePage(
  wanted: number,
  entries: number,
): { readonly page: number; readonly pages: number; readonly products: readonly Product[] } {
  const pages = Math.max(1, Math.ceil(catalogue.length / entries));
  const page = Math.min(Math.max(1, wanted), pages);
  return { page, pages, products: catalogue.slice((page - 1) * entries, page * entries) };
}
