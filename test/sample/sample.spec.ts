import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { get } from 'node:http';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { PlacedOrder } from '../../sample/src/demo/customers.js';
import { readOutcome } from '../../sample/src/demo/outcome.js';
import { type Plan, planOrders } from '../../sample/src/demo/plan.js';
import { ShardMap } from '../../sample/src/shards.js';
import type { Overview } from '../../lib/dashboard/dashboard-api.js';
import { createTestDatabase, type TestDatabase } from '../support/test-database.js';
import { hasPromtool, promtool } from '../support/promtool.js';
import { until } from '../support/until.js';
import { CompiledSample } from './compiled-sample.js';
import { checksIn } from './demo-output.js';

const ORDERS = 40;
const CHECKS = 19;

let database: TestDatabase;
let sample: CompiledSample;

beforeAll(async () => {
  database = await createTestDatabase();
  sample = await CompiledSample.create();
}, 120_000);

afterAll(async () => {
  await sample.remove();
  await database.drop();
});

describe("the sample's demo", () => {
  const plan = planOrders(ORDERS, new ShardMap(['default']))[0]!;
  let client: pg.Client;
  let output: string;
  let exitCode: number | string;

  beforeAll(async () => {
    const demo = sample.start('demo/demo.js', {
      DATABASE_URL: database.url,
      DEMO_ORDERS: String(ORDERS),
      DEMO_SECONDS: '3',
    });
    exitCode = await demo.exitCode;
    output = demo.output;
    client = new pg.Client({ connectionString: database.url });
    await client.connect();
  }, 120_000);

  afterAll(() => client.end());

  it('ends with a table that accounts for every order and task', () => {
    expect({ exitCode, output }).toMatchObject({ exitCode: 0 });
    const rows = checksIn(output);
    expect(rows.size).toBe(CHECKS);
    expect([...rows.values()].every(({ expected, found }) => expected === found)).toBe(true);
    expect(rows.get('answered by the API')!.found).toBe(ORDERS);
    expect(rows.get('rolled back')!.found).toBe(plan.expected.rolledBack);
    const ends = ['paid', 'declined', 'expired', 'rolled back'].map((label) => rows.get(label)!.found);
    expect(ends.reduce((a, b) => a + b)).toBe(ORDERS);
    expect(output).toMatch(new RegExp(`All ${CHECKS} checks hold\\.\\n$`));
  });

  it('kills a worker', () => {
    expect(output).toMatch(/worker-[12] was killed \(kill -9\) with \d+ tasks under way/);
  });

  it.each([
    {
      damage: 'a mail that was sent twice',
      sql: `INSERT INTO shop_sent_mail (order_id, template, recipient)
            SELECT order_id, template, recipient FROM shop_sent_mail LIMIT 1`,
      wrong: ['mails sent', 'mails sent twice'],
    },
    {
      damage: 'a mail that was not sent',
      sql: 'DELETE FROM shop_sent_mail WHERE id = (SELECT min(id) FROM shop_sent_mail)',
      wrong: ['mails sent', 'mails missing or wrong'],
    },
    {
      damage: 'a payment that was written twice',
      sql: `INSERT INTO shop_payment (order_id, amount_cents, charge_id)
            SELECT order_id, amount_cents, charge_id FROM shop_payment LIMIT 1`,
      wrong: ['payments', 'orders paid twice', "payments that differ from the provider's books"],
    },
    {
      damage: 'a payment that is missing',
      sql: 'DELETE FROM shop_payment WHERE id = (SELECT min(id) FROM shop_payment)',
      wrong: ['payments', "payments that differ from the provider's books"],
    },
    {
      damage: 'a charge of an order that has expired',
      sql: `INSERT INTO provider_charge (idempotency_key, id, amount_cents)
            SELECT id, 'ch', total_cents FROM shop_order WHERE status = 'expired' LIMIT 1`,
      wrong: ["payments that differ from the provider's books", 'charges of orders that are not paid'],
    },
    {
      damage: 'an item that came back twice',
      sql: `UPDATE shop_product SET stock = stock + 1 WHERE sku = 'mug'`,
      wrong: ['items in stock or paid for'],
    },
    {
      damage: 'a task of an order that was rolled back',
      sql: `INSERT INTO pgqueue (kind, payload) SELECT 3, json_build_object('orderId', id) FROM rolled_back`,
      wrong: ['tasks of rolled-back orders', 'tasks not finished'],
    },
    {
      damage: 'an order that is there although it was rolled back',
      sql: `INSERT INTO shop_order (id, sku, quantity, total_cents, email, status)
            SELECT id, 'mug', 1, 1200, '', 'unpaid' FROM rolled_back`,
      wrong: ['rolled back', 'anything else', 'mails missing or wrong'],
    },
    {
      damage: 'an order that was forgotten',
      sql: `UPDATE shop_order SET status = 'charging' WHERE id = (SELECT id FROM shop_order WHERE status = 'declined' LIMIT 1)`,
      wrong: ['declined', 'anything else', 'mails missing or wrong'],
    },
  ])('would notice $damage', async ({ sql, wrong }) => {
    const { expected, sent } = await readSent();
    await client.query('BEGIN');
    try {
      await client.query(
        `CREATE TEMP TABLE rolled_back ON COMMIT DROP AS SELECT '${sent.at(-1)!.id}'::uuid AS id`,
      );
      expect((await client.query(sql)).rowCount).toBe(1);
      const { orders, proofs } = await readOutcome(client, { expected, stock: plan.stock }, sent);
      expect([...orders, ...proofs].filter(({ holds }) => !holds).map(({ label }) => label)).toEqual(wrong);
    } finally {
      await client.query('ROLLBACK');
    }
  });

  /** What the demo's customers were told, as far as the database knows it, and an order that was rolled back. */
  async function readSent(): Promise<{ sent: PlacedOrder[]; expected: Plan['expected'] }> {
    const { rows } = await client.query<{ id: string; status: string }>('SELECT id, status FROM shop_order');
    const number = (status: string) => rows.filter((order) => order.status === status).length;
    return {
      sent: [...rows.map(({ id }) => ({ id, accepted: true })), { id: randomUUID(), accepted: false }],
      expected: {
        paid: number('paid'),
        declined: number('declined'),
        expired: number('expired'),
        rolledBack: 1,
      },
    };
  }
});

describe("the sample's shop", () => {
  it('takes orders, charges them, tells how it is, and closes', async () => {
    const shop = sample.start('start.js', {
      DATABASE_URL: database.url,
      PORT: '0',
      WORKER_PORT: '0',
      FAILURE_RATE: '0',
    });
    await until(() => shop.output.includes('Ctrl-C closes the shop'), 60_000);
    const [api, worker] = ['orders', 'health'].map((page) => {
      const line = new RegExp(`^ {2}${page} .*(http://\\S+)/${page}$`, 'm').exec(shop.output);
      return line![1]!;
    });
    for (const address of shop.output
      .match(/^ {2}(?:orders|dashboard|health|metrics) .*$/gm)!
      .flatMap(urlsIn)) {
      expect([address, (await fetch(address)).status]).toEqual([address, 200]);
    }
    const place = (body: object) =>
      fetch(`${api}/orders`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ sku: 'mug', quantity: 2, email: 'ann@example.com', card: 'tok_ok', ...body }),
      });

    const { id } = (await (await place({})).json()) as { id: string };
    await until(async () => {
      const order = await fetch(`${api}/orders/${id}`);
      return ((await order.json()) as { status: string }).status === 'paid';
    }, 30_000);
    const [latest] = (await (await fetch(`${api}/orders`)).json()) as { id: string }[];
    expect(latest).toMatchObject({ id });
    expect((await place({ quantity: 0 })).status).toBe(400);
    expect((await place({ sku: 'a unicorn' })).status).toBe(404);
    for (const url of [api, worker]) {
      expect((await fetch(`${url}/health`)).status).toBe(200);
    }
    const dashboard = /^ {2}dashboard +(http:\S+)$/m.exec(shop.output)![1]!;
    expect(await (await fetch(dashboard)).text()).toContain('<script type="module"');
    expect(await statusAs(dashboard, new URL(dashboard).host)).toBe(200);
    expect(await statusAs(dashboard, 'evil.test:3000')).toBe(403);
    const overview = (await (await fetch(`${dashboard}api/overview`)).json()) as Overview;
    expect(overview.workers.live).toBeGreaterThan(0);
    expect(overview.kinds.map(({ name }) => name)).toEqual(['charge-order', 'expire-order', 'send-mail']);
    // The order is paid in the transaction of the handler, which is counted after it.
    const charged = /^pgqueue_tasks_total\{.*kind="charge-order".*status="succeeded".*\} 1$/m;
    const metrics = await until(async () => {
      const text = await (await fetch(`${worker}/metrics`)).text();
      return charged.test(text) && text;
    });
    const documented = readFileSync('docs/observability.md', 'utf8').match(/(?<=^\| `)pgqueue_\w+/gm)!;
    const shown = new Set(metrics.match(/(?<=^# TYPE )pgqueue_\w+/gm));
    expect(documented.filter((name) => !shown.has(name))).toEqual([]);
    const linted = hasPromtool ? promtool(['check', 'metrics'], metrics).output : '';
    expect(linted).toBe('');

    shop.child.kill('SIGTERM');
    expect({ exitCode: await shop.exitCode, output: shop.output }).toMatchObject({ exitCode: 0 });
    await expect(fetch(`${api}/health`)).rejects.toThrow('fetch failed');
  }, 90_000);
});

function urlsIn(line: string): string[] {
  return line.match(/http:\S+/g)!;
}

/** What a page of another site gets, whose name was made to lead to this machine. */
function statusAs(url: string, host: string): Promise<number> {
  return new Promise((resolve, reject) => {
    get(url, { headers: { host } }, (response) => {
      response.resume();
      resolve(response.statusCode!);
    }).on('error', reject);
  });
}
