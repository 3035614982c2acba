import pg from 'pg';
import { again } from './again.js';
import { secrets } from './secrets.js';

const pool = new pg.Pool({
  host: '127.0.0.1',
  port: Number(process.env.DB_PORT ?? 5432),
  user: 'shop',
  database: 'postgres',
  // called for each new connection
  password: () => secrets.get('DB_PASS'),
  // an open connection outlives its password: with a limit a wrong one shows itself soon
  maxUses: 20,
});

const isRefused = ({ code }) => code === '28P01';

export const query = (sql, values) => again('DB_PASS', () => pool.query(sql, values), isRefused);
export const close = () => pool.end();
