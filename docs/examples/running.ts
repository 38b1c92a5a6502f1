import { Injectable, Module } from '@nestjs/common';
import { PgQueueModule, QueueService } from 'nestjs-pgqueue';
import { SendWelcome } from './tour/tasks.js';

@Injectable()
export class Settings {
  mailWorkers = 5;
  processTasks = true;
}

@Module({ providers: [Settings], exports: [Settings] })
export class SettingsModule {}

// #region live
@Module({
  imports: [
    PgQueueModule.forRootAsync({
      imports: [SettingsModule],
      inject: [Settings],
      useFactory: (settings: Settings) => ({
        shutdownTimeout: '20s',
        kinds: { [SendWelcome.kind]: { workerCount: () => settings.mailWorkers } }, // read each time
      }),
    }),
  ],
})
export class LiveQueueModule {}
// #endregion

// #region transaction-pooler
export const queueBehindPgBouncer = PgQueueModule.forRoot({ transactionPooling: true, listen: false });
// #endregion

// #region switch
@Injectable()
export class QueueSwitch {
  constructor(private readonly queue: QueueService) {}

  async onSettingsChanged({ processTasks }: Settings) {
    await (processTasks ? this.queue.start() : this.queue.stop()); // both may be called at any time
  }
}
// #endregion
