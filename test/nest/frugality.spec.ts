import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ChildApps, compileApps } from '../support/child-app.js';
import { cannotRunOver } from '../support/over.js';
import { createQueueApp } from '../support/queue-app.js';
import { createTestDatabase, type TestDatabase } from '../support/test-database.js';

describe.skipIf(cannotRunOver({ pgbouncer: 'connections to the server are those of the pooler' }))(
  'H49: what applications hold',
  () => {
    let apps: ChildApps;
    let database: TestDatabase;
    let report: Record<'before' | 'withoutQueue' | 'pushing' | 'waiting' | 'after', Held> & { ran: number };
    let exitCode: unknown;

    beforeAll(async () => {
      database = await createTestDatabase();
      await (await createQueueApp({ url: database.url })).close();
      apps = await compileApps('test/nest/frugal-app.ts', 'test/support/over.ts');
      const child = apps.start('test/nest/frugal-app.ts', { DATABASE_URL: database.url });
      exitCode = await child.ended;
      const last = child.output().trimEnd().split('\n').at(-1)!;
      if (!last.startsWith('{"before"')) {
        throw new Error(child.output());
      }
      report = JSON.parse(last);
    }, 120_000);

    afterAll(async () => {
      await apps.close();
      await database.drop();
    });

    it('is no timer, connection or listener more in one that only pushes', () => {
      expect(report.pushing).toEqual(report.withoutQueue);
    });

    it('is no timer, connection or listener more in one that has not been started', () => {
      expect(report.waiting).toEqual(report.withoutQueue);
    });

    it('is nothing any more when 50 that worked are closed', () => {
      expect(report.ran).toBeGreaterThanOrEqual(50);
      expect(report.after).toEqual({ ...report.before, connections: 0 });
      expect(exitCode).toBe(0);
    });
  },
);

interface Held {
  resources: string[];
  listeners: Record<string, number>;
  connections: number;
}
