import type { QueueEvent, QueueService, Task } from 'nestjs-pgqueue';
import { Mailer } from './tour/mailer.js';

// #region unit
/** A handler is a method: call it. */
export async function sendWelcomeOnce(mailer: Mailer) {
  await mailer.sendWelcome({ payload: { userId: 1 }, attempt: 1 } as Task<{ userId: number }>);
}
// #endregion

// #region settled
type Settled = Extract<QueueEvent, { type: 'attempt-settled' }>;

/** The next attempt of this kind that ends, in a test with a real database. */
export function nextSettled(queue: QueueService, name: string): Promise<Settled> {
  return new Promise((resolve) => {
    const unsubscribe = queue.subscribe((event) => {
      if (event.type === 'attempt-settled' && event.name === name) {
        unsubscribe();
        resolve(event);
      }
    });
  });
}
// #endregion
