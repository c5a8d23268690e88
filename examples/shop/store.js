// Where the shop keeps things: carts in Redis, products and orders in PostgreSQL, shipping prices from another service.
import { Redis } from 'ioredis';
import pg from 'pg';

const redis = new Redis(process.env.REDIS_URL ?? 'redis://127.0.0.1:6379');
const pool = new pg.Pool({ connectionString: process.env.DATABASE_URL ?? 'postgresql://postgres@127.0.0.1:5432/shop' });
const shippingUrl = process.env.SHIPPING_URL ?? 'http://127.0.0.1:8080';

// Both clients reconnect by themselves: a lost connection is a line in the log, not the end of the process.
let lastMessage = '';
for (const [name, client] of [
  ['redis', redis],
  ['postgres', pool],
]) {
  client.on('error', (error) => {
    const message = `${name}: ${error.message}`;
    if (message !== lastMessage) console.error(message);
    lastMessage = message;
  });
}

export async function readCart(id) {
  return JSON.parse((await redis.get(`cart:${id}`)) ?? '{}');
}

export async function saveCart(id, cart) {
  await redis.set(`cart:${id}`, JSON.stringify(cart));
}

export async function listProducts() {
  const { rows } = await pool.query('SELECT id, name, price_cents FROM products ORDER BY id LIMIT 20');
  return rows;
}

/** One transaction: the order and the stock it takes, or neither. */
export async function placeOrder(productId, count) {
  const client = await pool.connect();
  try {
    await client.query('BEGIN');
    const { rows } = await client.query('INSERT INTO orders (product_id, count) VALUES ($1, $2) RETURNING id', [productId, count]);
    await client.query('UPDATE products SET sold = sold + $2 WHERE id = $1', [productId, count]);
    await client.query('COMMIT');
    return rows[0];
  } catch (error) {
    await client.query('ROLLBACK').catch(() => {});
    throw error;
  } finally {
    client.release();
  }
}

export async function shippingPrices() {
  const response = await fetch(shippingUrl);
  if (!response.ok) {
    await response.body?.cancel();
    throw Object.assign(new Error(`shipping answered ${response.status}`), { code: `SHIPPING_${response.status}` });
  }
  return response.json();
}

export async function close() {
  redis.disconnect();
  await pool.end();
}
