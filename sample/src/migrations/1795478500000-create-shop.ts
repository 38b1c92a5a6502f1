import type { MigrationInterface, QueryRunner } from 'typeorm';

const UP = `
CREATE TABLE shop_product (
  sku         text PRIMARY KEY,
  price_cents int NOT NULL,
  stock       int NOT NULL CHECK (stock >= 0)
);
INSERT INTO shop_product VALUES ('mug', 1200, 1000), ('lamp', 4900, 1000), ('poster', 2500, 3);

CREATE TABLE shop_order (
  id          uuid PRIMARY KEY,
  sku         text NOT NULL REFERENCES shop_product,
  quantity    int NOT NULL,
  total_cents int NOT NULL,
  email       text NOT NULL,
  card        text,
  status      text NOT NULL,
  created_at  timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE shop_payment (
  id           int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  order_id     uuid NOT NULL REFERENCES shop_order,
  amount_cents int NOT NULL,
  charge_id    text NOT NULL,
  paid_at      timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX ON shop_payment (order_id);

CREATE TABLE shop_sent_mail (
  id        int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  order_id  uuid NOT NULL REFERENCES shop_order,
  template  text NOT NULL,
  recipient text NOT NULL,
  sent_at   timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX ON shop_sent_mail (order_id);

-- What the fake payment provider keeps on its own side.
CREATE TABLE provider_charge (
  idempotency_key text PRIMARY KEY,
  id              text NOT NULL,
  amount_cents    int NOT NULL
);
CREATE TABLE provider_request (
  idempotency_key text NOT NULL,
  answer          text NOT NULL,
  at              timestamptz NOT NULL DEFAULT clock_timestamp()
);`;

const DOWN = `
DROP TABLE provider_request, provider_charge, shop_sent_mail, shop_payment, shop_order, shop_product`;

export class CreateShop1795478500000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(UP);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(DOWN);
  }
}
