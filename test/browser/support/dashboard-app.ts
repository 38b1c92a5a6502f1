import type { AddressInfo } from 'node:net';
import type { INestApplication, ModuleMetadata } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { type PgQueueDashboardOptions, PgQueueDashboardModule } from '../../../lib/dashboard/index.js';
import { PgQueueModule, type PgQueueModuleOptions, QueueAdmin, QueueService } from '../../../lib/index.js';
import { typeOrm } from '../../support/nest-app.js';
import { silentLogger } from '../../support/silent-logger.js';

export interface DashboardAppOptions {
  /** Of the queue's database; or else `queue`. */
  url?: string;
  /** The modules of the queue, in place of one with `options`. */
  queue?: ModuleMetadata['imports'];
  options?: PgQueueModuleOptions;
  dashboard?: PgQueueDashboardOptions;
  providers?: ModuleMetadata['providers'];
  port?: number;
}

export interface DashboardApp {
  readonly app: INestApplication;
  readonly queue: QueueService;
  readonly admin: QueueAdmin;
  /** Of the dashboard. */
  readonly address: string;
  readonly port: number;
  close(): Promise<void>;
}

/** An application that listens, with a queue and its dashboard; everybody may do everything unless told otherwise. */
export async function startDashboard({
  url,
  options = {},
  queue = [
    typeOrm(url!),
    PgQueueModule.forRoot({ heartbeatPeriod: '200ms', leaseTimeout: '2s', ...options }),
  ],
  dashboard = {},
  providers = [],
  port = 0,
}: DashboardAppOptions): Promise<DashboardApp> {
  const testing = await Test.createTestingModule({
    imports: [...queue, PgQueueDashboardModule.forRoot({ authorize: () => true, ...dashboard })],
    providers,
  })
    .setLogger(silentLogger)
    .compile();
  const app = testing.createNestApplication();
  await app.listen(port, '127.0.0.1');
  const listening = (app.getHttpServer().address() as AddressInfo).port;
  return {
    app,
    queue: app.get(QueueService),
    admin: app.get(QueueAdmin),
    address: `http://127.0.0.1:${listening}/pgqueue/`,
    port: listening,
    close: () => app.close(),
  };
}
