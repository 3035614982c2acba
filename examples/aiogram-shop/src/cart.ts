/**
 * Carts and orders, in memory: they are gone when the bot stops. A real shop keeps them in the
 * database that `DB_NAME` names.
 */
import { findProduct, type Product } from './catalogue.ts';

/** The most of one product that a cart may hold. */
export const quantityLimit = 99;

/** One product of a cart with its quantity. */
interface CartLine {
  readonly product: Product;
  readonly quantity: number;
}

/** What a cart holds now. */
export interface Cart {
  readonly lines: readonly CartLine[];
  /** In hundredths of the currency's unit. */
  readonly total: number;
}

/** A placed order: what was in the cart, at the prices of that moment. */
interface Order extends Cart {
  /** From 1, without gaps. */
  readonly number: number;
  /** The customer's Telegram id. */
  readonly customer: number;
}

/** The carts and orders of all customers. */
export interface Carts {
  /** Adds one, up to {@link quantityLimit}. Returns the quantity, or `undefined` if it is full. */
  add(customer: number, product: Product): number | undefined;
  /** Takes one out; does nothing if there is none. */
  remove(customer: number, product: Product): void;
  clear(customer: number): void;
  of(customer: number): Cart;
  /** Turns the cart into an order and empties it. Returns `undefined` if it is empty. */
  order(customer: number): Order | undefined;
}

/** Empty carts for everybody. */
export function createCarts(): Carts {
  const quantities = new Map<number, Map<string, number>>();
  let orders = 0;

  function quantitiesOf(customer: number): Map<string, number> {
    const existing = quantities.get(customer);
    if (existing) return existing;
    const created = new Map<string, number>();
    quantities.set(customer, created);
    return created;
  }

  function of(customer: number): Cart {
    const lines = [...(quantities.get(customer) ?? [])].flatMap(([id, quantity]) => {
      const product = findProduct(id);
      return product ? [{ product, quantity }] : [];
    });
    const total = lines.reduce((sum, { product, quantity }) => sum + product.price * quantity, 0);
    return { lines, total };
  }

  return {
    of,
    add(customer, { id }) {
      const held = quantitiesOf(customer);
      const quantity = (held.get(id) ?? 0) + 1;
      if (quantity > quantityLimit) return undefined;
      held.set(id, quantity);
      return quantity;
    },
    remove(customer, { id }) {
      const held = quantitiesOf(customer);
      const quantity = (held.get(id) ?? 0) - 1;
      if (quantity > 0) held.set(id, quantity);
      else held.delete(id);
    },
    clear: (customer) => void quantities.delete(customer),
    order(customer) {
      const cart = of(customer);
      if (cart.lines.length === 0) return undefined;
      quantities.delete(customer);
      orders += 1;
      return { ...cart, number: orders, customer };
    },
  };
}
