import { afterEach, beforeEach, describe, expect } from 'vitest';
import { defineTask } from '../../lib/index.js';
import { type ChildApp, compileApps } from '../support/child-app.js';
import { databasePerFile, IDLE } from '../support/index.js';
import { CLI_ARGS, QUEUE_SCHEMA } from '../support/over.js';

const { it, database, app, apps } = databasePerFile({ apps: () => compileApps(), app: IDLE });

beforeEach(() => app.dataSource.query('TRUNCATE pgqueue, pgqueue_pause, pgqueue_lease'));

describe('tail', () => {
  const tails: ChildApp[] = [];

  afterEach(async () => {
    for (const tail of tails.splice(0)) {
      tail.process.kill('SIGINT');
      await tail.ended;
    }
  });

  async function follow(...args: string[]): Promise<ChildApp> {
    const tail = apps.start('lib/cli/main.ts', { DATABASE_URL: database.url }, [
      'tail',
      '--interval',
      '100ms',
      ...CLI_ARGS,
      ...args,
    ]);
    tails.push(tail);
    await tail.writes(`following schema "${QUEUE_SCHEMA}"`);
    return tail;
  }

  it('follows what is stored, from its start on', async () => {
    const before = await push('before');
    const tail = await follow();
    const id = await push('x', 'k\n\u001B[31mey');
    await tail.writes(`pushed           task ${id} pgqueue-7 key "k\\n\\u001b[31mey"\n`);
    await setStatus(id, 'no_attempts_left');
    await tail.writes(`no_attempts_left task ${id} `);
    expect(tail.output()).toMatch(/: boom\n/);
    await setStatus(id, 'succeeded');
    await tail.writes(`succeeded        task ${id} `);
    await app.dataSource.query(`INSERT INTO pgqueue_lease (worker) VALUES ('newcomer')`);
    await tail.writes('worker-started   newcomer\n');
    await app.dataSource.query(`DELETE FROM pgqueue_lease`);
    await tail.writes('worker-ended     newcomer\n');
    await app.dataSource.query(`INSERT INTO pgqueue_pause VALUES (7)`);
    await tail.writes('paused           pgqueue-7\n');
    await app.dataSource.query(`DELETE FROM pgqueue_pause`);
    await tail.writes('resumed          pgqueue-7\n');
    expect(tail.output()).not.toContain(`task ${before} `);
    const lines = tail.output().trimEnd().split('\n');
    expect(lines).toHaveLength(8);
    tail.process.kill('SIGINT');
    expect(await tail.ended).toBe(0);
  });

  it('tells once what it may not see', async () => {
    const tail = await follow();
    await app.dataSource.query('ALTER TABLE pgqueue_pause RENAME TO hidden');
    try {
      await tail.writes('not-shown        worker processes and pauses: ');
      const id = await push('x');
      await tail.writes(`pushed           task ${id} `);
      expect(tail.output().match(/not-shown/g)).toHaveLength(1);
    } finally {
      await app.dataSource.query('ALTER TABLE hidden RENAME TO pgqueue_pause');
    }
  });

  it('writes JSON, and says so when it can not show all', async () => {
    const tail = await follow('--json');
    await app.queue.pushTasks(Array.from({ length: 300 }, () => ({ kind: Mail, payload: 1 })));
    await tail.writes('not-shown');
    const events = tail
      .output()
      .trimEnd()
      .split('\n')
      .slice(1)
      .map((line) => JSON.parse(line));
    expect(events.filter(({ event }) => event === 'pushed')).toHaveLength(200);
    expect(events[0]).toMatchObject({ event: 'pushed', task: { kind: 7, status: 'new' } });
  });

  it('ends when nobody reads on, as in `… | head`', async () => {
    const tail = await follow();
    tail.process.stdout!.destroy();
    await push('x');
    expect(await tail.ended).toBe(0);
    expect(tail.output()).toMatch(/^following .*\n$/);
  });
});

const Mail = defineTask({ kind: 7, name: 'send-mail' });

const push = async (payload: unknown, externalKey: string | null = null) =>
  (await app.queue.pushTask({ kind: Mail, payload, externalKey })).id!;

const setStatus = (id: string, status: string) =>
  app.dataSource.query(
    `UPDATE pgqueue SET status = $1, messages = '{boom}', finished_at = now() WHERE id = $2`,
    [status, id],
  );
