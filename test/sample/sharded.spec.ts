import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { check, sumOutcomes } from '../../sample/src/demo/outcome.js';
import { planOrders } from '../../sample/src/demo/plan.js';
import { orderIdOf, ShardMap, shardNames } from '../../sample/src/shards.js';
import { cutOff } from '../support/cut-off.js';
import { createTestDatabase, type TestDatabase } from '../support/test-database.js';
import { until } from '../support/until.js';
import { CompiledSample } from './compiled-sample.js';
import { checksIn } from './demo-output.js';

const ORDERS = 60;
const CHECKS = 21;

const outcomeOf = (found: number) => ({ orders: [check('paid', 5, found)], proofs: [], queue: [] });
const orderOf = async (response: Response) => (await response.json()) as { id: string };

let sample: CompiledSample;

beforeAll(async () => {
  sample = await CompiledSample.create();
}, 120_000);

afterAll(() => sample.remove());

describe("the sample's demo over four servers", () => {
  it('accounts for every order when one of them crashes, and goes on in the others meanwhile', async () => {
    const demo = sample.startWithServers('demo/demo.js', {
      SHARDS: '4',
      DEMO_ORDERS: String(ORDERS),
      DEMO_SECONDS: '4',
    });
    const exitCode = await demo.exitCode;
    const { output } = demo;
    expect({ exitCode, output }).toMatchObject({ exitCode: 0 });
    const rows = checksIn(output);
    expect(rows.size).toBe(CHECKS);
    expect(rows.get('answered by the API')!.found).toBe(ORDERS);
    expect(rows.get('errors in answers')!.found).toBe(0);
    expect(rows.get('customers turned away, and served later')!.found).toBeGreaterThan(0);
    expect(rows.get('customers of the other databases, served at once')!.found).toBeGreaterThan(0);
    expect(output).toMatch(/worker-[12] was killed/);
    expect(output).toMatch(
      /the server of database \S+ has crashed\n[^]*the server of database \S+ is back\n/,
    );
    const [, placed, paid] = /took (\d+) orders, and (\d+) were paid there/.exec(output)!;
    expect(Number(placed)).toBeGreaterThan(0);
    expect(Number(paid)).toBeGreaterThan(0);
    expect(output).toMatch(new RegExp(`All ${CHECKS} checks hold\\.\\n$`));
  }, 120_000);

  it('lets no database make up for another', () => {
    expect(sumOutcomes([outcomeOf(4), outcomeOf(6)]).orders).toEqual([
      { label: 'paid', expected: 10, found: 10, holds: false },
    ]);
    expect(sumOutcomes([outcomeOf(5), outcomeOf(5)]).orders).toMatchObject([{ holds: true }]);
  });

  it('plans the same customers, however many databases there are', () => {
    const four = planOrders(ORDERS, new ShardMap(shardNames(4)));
    const [one] = planOrders(ORDERS, new ShardMap(shardNames(1)));
    expect(four.map(({ shard }) => shard)).toEqual(['default', 'shard-2', 'shard-3', 'shard-4']);
    expect(four.every(({ customers }) => customers.length > ORDERS / 8)).toBe(true);
    const emails = four.flatMap(({ customers }) => customers.map(({ email }) => email));
    expect(emails.toSorted()).toEqual(one!.customers.map(({ email }) => email).toSorted());
  });
});

describe("the sample's shop over two databases", () => {
  let databases: TestDatabase[];

  beforeAll(async () => {
    databases = [await createTestDatabase(), await createTestDatabase()];
  });
  afterAll(() => Promise.all(databases.map((database) => database.drop())));

  const shards = new ShardMap(shardNames(2));
  const emailIn = (shard: string) =>
    ['ann', 'bob', 'cleo', 'dan', 'eve', 'fay'].find(
      (name) => shards.ofCustomer(`${name}@example.com`) === shard,
    )!;

  it('is ready while one of them is down, and serves the customers of the other', async () => {
    const shop = sample.start('start.js', {
      DATABASE_URLS: databases.map(({ url }) => url).join(' '),
      PORT: '0',
      WORKER_PORT: '0',
      FAILURE_RATE: '0',
    });
    await until(() => shop.output.includes('Ctrl-C closes the shop'), 60_000);
    const [, api, worker] = /^ {2}health +(http\S+)\/health +(http\S+)\/health$/m.exec(shop.output)!;
    const place = (shard: string, requestId?: string) =>
      fetch(`${api}/orders`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({
          sku: 'mug',
          quantity: 1,
          email: `${emailIn(shard)}@example.com`,
          card: 'tok_ok',
          requestId,
        }),
      });
    const isPaid = async (id: string) =>
      ((await (await fetch(`${api}/orders/${id}`)).json()) as { status: string }).status === 'paid';

    const requestId = crypto.randomUUID();
    const [first, second] = [
      await orderOf(await place('shard-2', requestId)),
      await orderOf(await place('default')),
    ];
    await until(() => isPaid(first.id), 30_000);
    await until(() => isPaid(second.id), 30_000);
    expect(await orderOf(await place('shard-2', requestId))).toMatchObject({ id: first.id });

    const restore = await cutOff(databases[1]!);
    expect((await place('shard-2')).status).toBe(500);
    const other = await orderOf(await place('default'));
    await until(() => isPaid(other.id), 30_000);
    const listed = (await (await fetch(`${api}/orders`)).json()) as { id: string }[];
    expect(listed.map(({ id }) => id)).toEqual([other.id, second.id]);
    for (const url of [api, worker]) {
      const health = await fetch(`${url}/health`);
      expect(health.status).toBe(200);
      expect(await health.json()).toMatchObject({
        info: { databases: { status: 'up', default: { status: 'up' }, 'shard-2': { status: 'down' } } },
      });
    }

    await restore();
    const late = await orderOf(
      await until(async () => {
        const response = await place('shard-2');
        return response.status === 201 && response;
      }, 30_000),
    );
    await until(() => isPaid(late.id), 30_000);
    shop.child.kill('SIGTERM');
    expect({ exitCode: await shop.exitCode, output: shop.output }).toMatchObject({ exitCode: 0 });
  }, 120_000);
});

describe("an order's id", () => {
  it('tells where its customer is, and is the same for the same request', () => {
    const shards = new ShardMap(shardNames(4));
    for (const email of ['ann@example.com', 'bob@example.com', 'cleo@example.com']) {
      const id = orderIdOf(email, 'request');
      expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-8[0-9a-f]{3}-[0-9a-f]{12}$/);
      expect(shards.ofOrder(id)).toBe(shards.ofCustomer(email));
      expect(orderIdOf(email.toUpperCase(), 'request')).toBe(id);
      expect(orderIdOf(email, 'another')).not.toBe(id);
    }
  });
});
