import { QueueService, defineTask, noJitter } from 'nestjs-pgqueue';

const Greet = defineTask<{ name: string }>({ kind: 2, name: 'greet' });

export function register(queue: QueueService): void {
  queue.registerKind(Greet, async (task) => void task.payload.name.length, {
    attemptTimeout: '5s',
    backoff: noJitter('1s'),
  });
}
