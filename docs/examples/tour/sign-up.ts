import { Injectable } from '@nestjs/common';
import { QueueService } from 'nestjs-pgqueue';
import { DataSource } from 'typeorm';
import { SendWelcome } from './tasks.js';
import { User } from './user.entity.js';

@Injectable()
export class SignUp {
  constructor(
    private readonly dataSource: DataSource,
    private readonly queue: QueueService,
  ) {}

  register(email: string): Promise<User> {
    return this.dataSource.transaction(async (manager) => {
      const user = await manager.save(User, { email });
      // In the same transaction: no user without a mail, no mail without a user.
      await this.queue.pushTask(
        { kind: SendWelcome, payload: { userId: user.id }, externalKey: `user-${user.id}` },
        { manager },
      );
      return user;
    });
  }
}
