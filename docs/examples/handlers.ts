import { Injectable } from '@nestjs/common';
import {
  defineTask,
  exponentialBackoff,
  MustCancelTaskError,
  MustIgnoreTaskError,
  QueueService,
  SnoozeTaskError,
  type Task,
  TaskHandler,
} from 'nestjs-pgqueue';
import { z } from 'zod';

// #region schema
export const ImportFile = defineTask({
  kind: 20,
  name: 'import-file',
  payload: z.object({ url: z.url() }), // any Standard Schema: zod, valibot, arktype …
});
// #endregion

@Injectable()
export class Importer {
  readonly imported: string[] = [];

  // #region errors
  @TaskHandler(ImportFile, {
    attemptTimeout: '1m',
    backoff: exponentialBackoff({ base: '5s', max: '1h' }),
  })
  async import({ payload, signal }: Task<{ url: string }>) {
    const response = await fetch(payload.url, { signal }); // ends with the attempt
    switch (response.status) {
      case 200:
        this.imported.push(await response.text());
        return; // the task has succeeded
      case 404:
        throw new MustCancelTaskError('no such file'); // no further attempt
      case 429:
        throw new SnoozeTaskError('30s'); // again in 30 s, this attempt does not count
      case 503:
        throw new MustIgnoreTaskError('closed at night'); // retried, but no failure in the metrics
      default:
        throw new Error(`HTTP ${response.status}`); // retried after the backoff
    }
  }
  // #endregion
}

@Injectable()
export class Imports {
  constructor(private readonly queue: QueueService) {}

  // #region push-options
  async plan(url: string) {
    const { id, status } = await this.queue.pushTask(
      { kind: ImportFile, payload: { url }, externalKey: url },
      { delay: '1h', priority: 2 }, // 0 runs first, 9 last, 5 is the default
    );
    return status === 'duplicate' ? `${url} is planned already, as task ${id}` : `planned as task ${id}`;
  }
  // #endregion

  // #region manage
  async cancel(url: string) {
    // Its handler's signal is aborted if it runs, wherever that is.
    return this.queue.cancelTaskByKey(ImportFile, url);
  }

  async retryExhausted() {
    return this.queue.retryTasks(ImportFile, { attempts: 3, limit: 100 });
  }

  async planAgain(url: string) {
    return this.queue.pushTask(
      { kind: ImportFile, payload: { url }, externalKey: url },
      { onConflict: 'replace' },
    );
  }
  // #endregion
}
