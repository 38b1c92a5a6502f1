import { Injectable, Logger } from '@nestjs/common';
import { equalJitter, MustCancelTaskError, type Task, TaskHandler } from 'nestjs-pgqueue';
import { DataSource } from 'typeorm';
import { SendWelcome } from './tasks.js';
import { User } from './user.entity.js';

@Injectable()
export class Mailer {
  private readonly logger = new Logger(Mailer.name);

  constructor(private readonly dataSource: DataSource) {}

  @TaskHandler(SendWelcome, { workerCount: 5, attemptTimeout: '10s', backoff: equalJitter('1m') })
  async sendWelcome(task: Task<{ userId: number }>): Promise<void> {
    const user = await this.dataSource.getRepository(User).findOneBy({ id: task.payload.userId });
    if (!user) {
      throw new MustCancelTaskError('the user is gone'); // anything else that is thrown is retried
    }
    this.logger.log(`welcome, ${user.email} (attempt ${task.attempt})`);
  }
}
