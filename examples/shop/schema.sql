CREATE TABLE products (id serial PRIMARY KEY, name text NOT NULL, price_cents int NOT NULL, sold int NOT NULL DEFAULT 0);
CREATE TABLE orders (id serial PRIMARY KEY, product_id int NOT NULL REFERENCES products, count int NOT NULL, placed_at timestamptz NOT NULL DEFAULT now());
INSERT INTO products (name, price_cents) SELECT 'product ' || n, n * 100 FROM generate_series(1, 20) AS n;
