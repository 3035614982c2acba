import mysql from 'mysql2/promise';
import { again } from './again.js';
import { secrets } from './secrets.js';

let current = {};

/** The pool of the password that counts now. The one before ends when its queries have. */
async function currentPool() {
  const password = await secrets.get('DB_PASS');
  if (password === current.password) return current.pool;
  const { pool: old } = current;
  const port = Number(process.env.DB_PORT ?? 3306);
  const pool = mysql.createPool({ host: '127.0.0.1', port, user: 'shop', password });
  current = { password, pool };
  void old?.end();
  return pool;
}

const isRefused = ({ code }) => code === 'ER_ACCESS_DENIED_ERROR';
const run = async (sql, values) => (await currentPool()).query(sql, values);

export const query = (sql, values) => again('DB_PASS', () => run(sql, values), isRefused);
export const close = () => current.pool?.end();
