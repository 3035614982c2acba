import { describe, expect, it } from 'vitest';
import { createCarts, quantityLimit } from '../src/cart.ts';
import { catalogue, cataloguePage } from '../src/catalogue.ts';
import { emptyDatabase } from './fixtures.ts';

const [first, second] = catalogue;
if (first === undefined || second === undefined) throw new Error('The catalogue is too short.');

describe('createCarts', () => {
  it('keeps what each customer wants, and what it costs', async () => {
    const carts = createCarts(await emptyDatabase());
    expect(carts.add(1, first)).toBe(1);
    expect(carts.add(1, first)).toBe(2);
    carts.add(1, second);
    carts.add(2, second);
    expect(carts.of(1)).toEqual({
      lines: [
        { product: first, quantity: 2 },
        { product: second, quantity: 1 },
      ],
      total: 2 * first.price + second.price,
    });
    carts.remove(1, first);
    carts.remove(1, second);
    carts.remove(1, second);
    expect(carts.of(1).lines).toEqual([{ product: first, quantity: 1 }]);
    carts.clear(1);
    expect(carts.of(1)).toEqual({ lines: [], total: 0 });
    expect(carts.of(2).lines).toHaveLength(1);
  });

  it('takes no more than the limit of one product', async () => {
    const carts = createCarts(await emptyDatabase());
    for (let count = 1; count <= quantityLimit; count += 1) carts.add(1, first);
    expect(carts.add(1, first)).toBeUndefined();
    expect(carts.of(1).lines).toEqual([{ product: first, quantity: quantityLimit }]);
  });

  it('numbers orders, empties the cart, and orders nothing twice', async () => {
    const carts = createCarts(await emptyDatabase());
    carts.add(1, first);
    expect(carts.order(1)).toMatchObject({ number: 1, customer: 1, total: first.price });
    expect(carts.order(1)).toBeUndefined();
    carts.add(2, second);
    expect(carts.order(2)?.number).toBe(2);
  });

  it('counts an order as paid once, by the payment that belongs to it', async () => {
    const carts = createCarts(await emptyDatabase());
    carts.add(7_999_999_999, first);
    carts.order(7_999_999_999);
    carts.expectPayment(1, 555);
    expect(carts.settle(556)).toBeUndefined();
    expect(carts.settle(555)).toEqual({ number: 1, customer: 7_999_999_999 });
    expect(carts.settle(555)).toBeUndefined();
  });
});

describe('cataloguePage', () => {
  it('shows every product once', () => {
    const { pages } = cataloguePage(1, 3);
    const shown = Array.from({ length: pages }, (_, index) => cataloguePage(index + 1, 3).products);
    expect(shown.flat()).toEqual(catalogue);
  });

  it('shows the nearest page for one that no longer exists', () => {
    expect(cataloguePage(99, 3).page).toBe(cataloguePage(1, 3).pages);
    expect(cataloguePage(0, 3).page).toBe(1);
    expect(cataloguePage(-5, 1000)).toMatchObject({ page: 1, pages: 1 });
  });
});
