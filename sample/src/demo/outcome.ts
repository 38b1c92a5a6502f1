import type { ClientBase } from 'pg';
import type { PlacedOrder } from './customers.js';
import type { Plan } from './plan.js';

/** A line of the outcome: what must be, and what the database says. */
export interface Check {
  label: string;
  expected: number;
  found: number;
  /** Of several databases: whether it holds in each. */
  holds: boolean;
}

export interface Outcome {
  orders: Check[];
  proofs: Check[];
  queue: { name: string; statuses: Record<string, number>; attempts: number }[];
}

/** The orders of this run: those that the API told of, whether it accepted them or not. */
const SENT = `
CREATE TEMP TABLE sent ON COMMIT DROP AS
SELECT id, accepted FROM unnest($1::uuid[], $2::boolean[]) AS s(id, accepted)`;

const ORDERS = `
SELECT count(*) FILTER (WHERE status = 'paid')::int AS paid,
       count(*) FILTER (WHERE status = 'declined')::int AS declined,
       count(*) FILTER (WHERE status = 'expired')::int AS expired,
       count(*) FILTER (WHERE id IS NULL AND NOT accepted)::int AS "rolledBack",
       count(*) FILTER (WHERE status IN ('unpaid', 'charging') OR accepted IS DISTINCT FROM (id IS NOT NULL))::int AS other
FROM (SELECT o.id, o.status, s.accepted FROM sent s LEFT JOIN shop_order o USING (id)) every`;

/** Every order's mails: one when it was received, one when it was paid, declined or expired. */
const MAILS = `
WITH due AS (
  SELECT o.id AS order_id, template
  FROM sent JOIN shop_order o USING (id),
  LATERAL (VALUES ('received'), (CASE o.status WHEN 'paid' THEN 'receipt' ELSE o.status END)) AS mail(template)
), mails AS (
  SELECT order_id, template, count(*)::int AS times
  FROM shop_sent_mail WHERE order_id IN (SELECT id FROM sent) GROUP BY 1, 2
)
SELECT coalesce(sum(times), 0)::int AS sent,
       count(*) FILTER (WHERE mails IS NULL)::int AS missing,
       count(*) FILTER (WHERE due IS NULL)::int AS wrong,
       count(*) FILTER (WHERE times > 1)::int AS twice
FROM due FULL JOIN mails USING (order_id, template)`;

/** The shop's payments against the provider's own books. */
const MONEY = `
WITH paid AS (
  SELECT order_id, count(*)::int AS times, sum(amount_cents)::int AS cents
  FROM shop_payment WHERE order_id IN (SELECT id FROM sent) GROUP BY 1
), charged AS (
  SELECT idempotency_key::uuid AS order_id, amount_cents AS cents
  FROM provider_charge WHERE idempotency_key IN (SELECT id::text FROM sent)
)
SELECT coalesce(sum(times), 0)::int AS payments,
       count(*) FILTER (WHERE times > 1)::int AS twice,
       count(*) FILTER (WHERE paid.cents IS DISTINCT FROM charged.cents)::int AS different,
       count(*) FILTER (WHERE o.status IS DISTINCT FROM 'paid')::int AS unjustified
FROM paid FULL JOIN charged USING (order_id) LEFT JOIN shop_order o ON o.id = order_id`;

const STOCK = `
SELECT p.stock + coalesce((
  SELECT sum(quantity) FROM shop_order o WHERE o.sku = p.sku AND o.id IN (SELECT id FROM sent) AND o.status = 'paid'
), 0)::int AS total
FROM shop_product p WHERE sku = ANY($1)`;

const TASKS = `
SELECT kind, CASE WHEN lease_id IS NULL THEN status::text ELSE 'processing' END AS status, accepted,
       count(*)::int AS count, sum(attempts_elapsed)::int AS attempts
FROM pgqueue JOIN sent ON sent.id::text = payload->>'orderId'
GROUP BY 1, 2, 3`;

const KINDS = { 1: 'charge-order', 2: 'expire-order', 3: 'send-mail' };
const FINISHED = new Set(['succeeded', 'cancelled']);

/** Reads what became of the orders of one database, from that alone; in a transaction, for a table of its own. */
export async function readOutcome(
  client: ClientBase,
  { expected, stock }: Pick<Plan, 'expected' | 'stock'>,
  sent: readonly PlacedOrder[],
): Promise<Outcome> {
  const one = async (sql: string) => (await client.query(sql)).rows[0] as Record<string, number>;
  await client.query(SENT, [sent.map(({ id }) => id), sent.map(({ accepted }) => accepted)]);
  const orders = await one(ORDERS);
  const mails = await one(MAILS);
  const money = await one(MONEY);
  const products = (await client.query<{ total: number }>(STOCK, [Object.keys(stock)])).rows;
  const tasks = (await client.query<TaskCount>(TASKS)).rows;
  const all = expected.paid + expected.declined + expected.expired + expected.rolledBack;
  return {
    orders: [
      check('answered by the API', all, sent.length),
      check('paid', expected.paid, orders['paid']),
      check('declined', expected.declined, orders['declined']),
      check('expired', expected.expired, orders['expired']),
      check('rolled back', expected.rolledBack, orders['rolledBack']),
      check('anything else', 0, orders['other']),
    ],
    proofs: [
      check('tasks of rolled-back orders', 0, total(tasks.filter(({ accepted }) => !accepted))),
      check('tasks not finished', 0, total(tasks.filter(({ status }) => !FINISHED.has(status)))),
      check('mails sent', 2 * (all - expected.rolledBack), mails['sent']),
      check('mails sent twice', 0, mails['twice']),
      check('mails missing or wrong', 0, mails['missing']! + mails['wrong']!),
      check('payments', expected.paid, money['payments']),
      check('orders paid twice', 0, money['twice']),
      check("payments that differ from the provider's books", 0, money['different']),
      check('charges of orders that are not paid', 0, money['unjustified']),
      check(
        'items in stock or paid for',
        sum(Object.values(stock)),
        sum(products.map((product) => product.total)),
      ),
    ],
    queue: Object.entries(KINDS).map(([kind, name]) =>
      summary(
        name,
        tasks.filter((task) => task.kind === Number(kind)),
      ),
    ),
  };
}

/** What holds for several databases together: what is too much in one does not make up for what another lacks. */
export function sumOutcomes(outcomes: readonly Outcome[]): Outcome {
  const [first, ...rest] = outcomes;
  return rest.reduce(
    (all, outcome) => ({
      orders: all.orders.map((one, index) => sumChecks(one, outcome.orders[index]!)),
      proofs: all.proofs.map((one, index) => sumChecks(one, outcome.proofs[index]!)),
      queue: all.queue.map((kind, index) => sumKinds(kind, outcome.queue[index]!)),
    }),
    first!,
  );
}

export function check(label: string, expected: number, found = Number.NaN): Check {
  return { label, expected, found, holds: expected === found };
}

interface TaskCount {
  kind: number;
  status: string;
  accepted: boolean;
  count: number;
  attempts: number;
}

const sum = (numbers: readonly number[]) => numbers.reduce((a, b) => a + b, 0);
const total = (tasks: readonly TaskCount[]) => sum(tasks.map(({ count }) => count));

function summary(name: string, tasks: readonly TaskCount[]): Outcome['queue'][number] {
  const statuses: Record<string, number> = {};
  for (const { status, count } of tasks) {
    statuses[status] = (statuses[status] ?? 0) + count;
  }
  return { name, statuses, attempts: sum(tasks.map(({ attempts }) => attempts)) };
}

function sumChecks(a: Check, b: Check): Check {
  return {
    label: a.label,
    expected: a.expected + b.expected,
    found: a.found + b.found,
    holds: a.holds && b.holds,
  };
}

function sumKinds(a: Outcome['queue'][number], b: Outcome['queue'][number]): Outcome['queue'][number] {
  const statuses = [...new Set([...Object.keys(a.statuses), ...Object.keys(b.statuses)])];
  return {
    name: a.name,
    statuses: Object.fromEntries(
      statuses.map((status) => [status, (a.statuses[status] ?? 0) + (b.statuses[status] ?? 0)]),
    ),
    attempts: a.attempts + b.attempts,
  };
}
