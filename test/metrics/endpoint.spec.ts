import { Injectable } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { PrometheusModule } from '@willsoto/nestjs-prometheus';
import { register } from 'prom-client';
import { expect, it } from 'vitest';
import { defineTask, noJitter, PgQueueModule, TaskHandler } from '../../lib/index.js';
import { PgQueueMetricsModule } from '../../lib/metrics/index.js';
import { typeOrm } from '../support/nest-app.js';
import { silentLogger } from '../support/silent-logger.js';
import { createTestDatabase } from '../support/test-database.js';

const NAME = 'a "quoted" \\ name\nof two lines';
const WORK = defineTask({ kind: 1, name: NAME, attemptTimeout: '1s', backoff: noJitter('1s') });

it('H31: a scrape shows every series, whatever the kind is named', async () => {
  const database = await createTestDatabase();
  const testing = await Test.createTestingModule({
    imports: [
      typeOrm(database.url),
      PgQueueModule.forRoot(),
      PrometheusModule.register({ defaultMetrics: { enabled: false } }),
      PgQueueMetricsModule,
    ],
    providers: [Worker],
  })
    .setLogger(silentLogger)
    .compile();
  const app = testing.createNestApplication();
  await app.listen(0, '127.0.0.1');
  const response = await fetch(`${await app.getUrl()}/metrics`);
  const text = await response.text();
  await app.close();
  await database.drop();
  register.clear();

  const kind = 'kind="a \\"quoted\\" \\\\ name\\nof two lines"';
  for (const status of [
    'new',
    'processing',
    'succeeded',
    'failed',
    'cancelled',
    'ignored',
    'no_attempts_left',
    'lost',
  ]) {
    expect(text).toContain(`pgqueue_tasks_total{${kind},status="${status}"} 0\n`);
  }
  expect(text).toContain(`pgqueue_attempt_duration_seconds_count{${kind}} 0\n`);
  expect(text).toContain('# TYPE pgqueue_attempt_duration_seconds histogram');
});

@Injectable()
class Worker {
  @TaskHandler(WORK)
  work() {}
}
