/**
 * Carts, and the orders that they become.
 */
import { findProduct, type Product } from './catalogue.ts';
import type { Database } from './database.ts';

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
export interface Order extends Cart {
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
  /** Notes by which payment an order will be paid. */
  expectPayment(order: number, payment: number): void;
  /** The order that is paid now. Returns `undefined` if no order has this payment, or it was paid before. */
  settle(payment: number): Pick<Order, 'number' | 'customer'> | undefined;
}

/** The carts and orders in the database. */
export function createCarts(database: Database): Carts {
  const clear = (customer: number) =>
    void database.all('DELETE FROM cart_lines WHERE customer = ?', customer);

  function of(customer: number): Cart {
    const held = database.all<{ product: string; quantity: number }>(
      'SELECT product, quantity FROM cart_lines WHERE customer = ? ORDER BY rowid',
      customer,
    );
    const lines = held.flatMap(({ product: id, quantity }) => {
      const product = findProduct(id);
      return product ? [{ product, quantity }] : [];
    });
    const total = lines.reduce((sum, { product, quantity }) => sum + product.price * quantity, 0);
    return { lines, total };
  }

  return {
    of,
    clear,
    add(customer, { id }) {
      const [line] = database.all<{ quantity: number }>(
        `INSERT INTO cart_lines VALUES (?, ?, 1)
         ON CONFLICT DO UPDATE SET quantity = quantity + 1 WHERE quantity < ? RETURNING quantity`,
        ...[customer, id, quantityLimit],
      );
      return line?.quantity;
    },
    remove(customer, { id }) {
      const line = [customer, id];
      const where = 'WHERE customer = ? AND product = ?';
      database.atOnce(() => {
        database.all(`UPDATE cart_lines SET quantity = quantity - 1 ${where}`, ...line);
        database.all(`DELETE FROM cart_lines ${where} AND quantity = 0`, ...line);
      });
    },
    order: (customer) =>
      database.atOnce(() => {
        const cart = of(customer);
        if (cart.lines.length === 0) return undefined;
        const [order] = database.all<{ number: number }>(
          'INSERT INTO orders (customer, total) VALUES (?, ?) RETURNING number',
          ...[customer, cart.total],
        );
        const number = order?.number ?? 0;
        for (const { product, quantity } of cart.lines)
          database.all(
            'INSERT INTO order_lines VALUES (?, ?, ?, ?)',
            ...[number, product.id, quantity, product.price],
          );
        clear(customer);
        return { ...cart, number, customer };
      }),
    expectPayment: (order, payment) =>
      void database.all('UPDATE orders SET payment = ? WHERE number = ?', payment, order),
    settle: (payment) =>
      database.all<{ number: number; customer: number }>(
        'UPDATE orders SET is_paid = 1 WHERE payment = ? AND is_paid = 0 RETURNING number, customer',
        payment,
      )[0],
  };
}
