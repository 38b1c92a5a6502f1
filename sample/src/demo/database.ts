import pg from 'pg';
import type { ShopProcess } from '../processes.js';

/** What the demo looks at in one of the databases while it runs; the outcome has a file of its own. */
export class DemoDatabase {
  private readonly pool: pg.Pool;

  constructor(connectionString: string) {
    this.pool = new pg.Pool({ connectionString, max: 2 });
    // The next query gets a new connection, or says what is wrong.
    this.pool.on('error', () => undefined);
  }

  close(): Promise<void> {
    return this.pool.end();
  }

  /** Looks at one state of the database, and leaves nothing behind. */
  async inSnapshot<T>(look: (client: pg.ClientBase) => Promise<T>): Promise<T> {
    const client = await this.pool.connect();
    try {
      await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ');
      return await look(client);
    } finally {
      await client.query('ROLLBACK');
      client.release();
    }
  }

  async version(): Promise<string> {
    const [row] = await this.rows<{ server_version: string }>('SHOW server_version');
    return row!.server_version;
  }

  async fillStock(stock: Readonly<Record<string, number>>): Promise<void> {
    await this.rows(
      `INSERT INTO shop_product (sku, price_cents, stock)
       SELECT sku, 1200, stock FROM unnest($1::text[], $2::int[]) AS s(sku, stock)
       ON CONFLICT (sku) DO UPDATE SET stock = excluded.stock`,
      [Object.keys(stock), Object.values(stock)],
    );
  }

  async orders(ids: readonly string[]) {
    const [row] = await this.rows<{ paid: number; declined: number; expired: number }>(
      `SELECT (count(*) FILTER (WHERE status = 'paid'))::int AS paid,
              (count(*) FILTER (WHERE status = 'declined'))::int AS declined,
              (count(*) FILTER (WHERE status = 'expired'))::int AS expired
       FROM shop_order WHERE id = ANY($1)`,
      [ids],
    );
    return row!;
  }

  async openTasks(orderIds: readonly string[]) {
    const [row] = await this.rows<{ open: number; running: number }>(
      `SELECT count(*)::int AS open, count(lease_id)::int AS running
       FROM pgqueue WHERE status IN ('new', 'must_retry') AND payload->>'orderId' = ANY($1)`,
      [orderIds],
    );
    return row!;
  }

  async paidOrders(orderIds: readonly string[], limit: number): Promise<string[]> {
    const rows = await this.rows<{ id: string }>(
      `SELECT id FROM shop_order WHERE id = ANY($1) AND status = 'paid' ORDER BY id LIMIT $2`,
      [orderIds, limit],
    );
    return rows.map(({ id }) => id);
  }

  /** How many payments each of these workers is in the middle of, by its process id. */
  async runningCharges(workers: readonly ShopProcess[]): Promise<Map<number, number>> {
    const rows = await this.rows<{ pid: number; tasks: number }>(
      `SELECT pid, count(*)::int AS tasks FROM pgqueue_lease l JOIN pgqueue t ON t.lease_id = l.id
       WHERE pid = ANY($1) AND kind = 1 GROUP BY 1`,
      [workers.map(({ pid }) => pid)],
    );
    return new Map(rows.map(({ pid, tasks }) => [pid, tasks]));
  }

  /** The tasks that a worker runs, or ran when it died. */
  async tasksOf({ pid }: ShopProcess): Promise<string[]> {
    const rows = await this.rows<{ id: string }>(
      'SELECT t.id FROM pgqueue_lease l JOIN pgqueue t ON t.lease_id = l.id WHERE pid = $1',
      [pid],
    );
    return rows.map(({ id }) => id);
  }

  async finished(taskIds: readonly string[]): Promise<number> {
    const [row] = await this.rows<{ count: number }>(
      `SELECT count(*)::int AS count FROM pgqueue WHERE id = ANY($1) AND status IN ('succeeded', 'cancelled')`,
      [taskIds],
    );
    return row!.count;
  }

  /** What these orders came to in a span of time. */
  async during(orderIds: readonly string[], from: Date, to: Date) {
    const [row] = await this.rows<{ placed: number; paid: number }>(
      `SELECT (SELECT count(*)::int FROM shop_order WHERE id = ANY($1) AND created_at BETWEEN $2 AND $3) AS placed,
              (SELECT count(*)::int FROM shop_payment WHERE order_id = ANY($1) AND paid_at BETWEEN $2 AND $3) AS paid`,
      [orderIds, from, to],
    );
    return row!;
  }

  /** What the payment provider did with the shop's requests. */
  async provider(orderIds: readonly string[]) {
    const [row] = await this.rows<Record<'requests' | 'refused' | 'hung' | 'lost' | 'charges', number>>(
      `SELECT count(*)::int AS requests,
              (count(*) FILTER (WHERE answer = 'refused'))::int AS refused,
              (count(*) FILTER (WHERE answer = 'hung'))::int AS hung,
              (count(*) FILTER (WHERE answer = 'charged, answer lost'))::int AS lost,
              (SELECT count(*)::int FROM provider_charge WHERE idempotency_key = ANY($1)) AS charges
       FROM provider_request WHERE idempotency_key = ANY($1)`,
      [orderIds],
    );
    return row!;
  }

  private async rows<Row extends pg.QueryResultRow>(sql: string, parameters: unknown[] = []): Promise<Row[]> {
    return (await this.pool.query<Row>(sql, parameters)).rows;
  }
}
