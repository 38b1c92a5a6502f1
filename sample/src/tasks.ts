import { defineTask, exponentialBackoff } from 'nestjs-pgqueue';
import { z } from 'zod';

/** The kinds of task, in the one file that producers and workers share. */

const ofOrder = z.object({ orderId: z.uuid() });

export const ChargeOrder = defineTask({
  kind: 1,
  name: 'charge-order',
  payload: ofOrder,
  maxAttempts: 50,
  attemptTimeout: '2s',
  backoff: exponentialBackoff({ base: '200ms', max: '10s' }),
  maxTaskErrorMessages: 5,
});

export const ExpireOrder = defineTask({
  kind: 2,
  name: 'expire-order',
  payload: ofOrder,
  attemptTimeout: '5s',
  backoff: exponentialBackoff({ base: '200ms', max: '1m' }),
});

export const SendMail = defineTask({
  kind: 3,
  name: 'send-mail',
  payload: ofOrder.extend({ template: z.enum(['received', 'receipt', 'declined', 'expired']) }),
  maxAttempts: 100,
  attemptTimeout: '5s',
  backoff: exponentialBackoff({ base: '200ms', max: '1m' }),
});

export type MailTemplate = 'received' | 'receipt' | 'declined' | 'expired';

/** A mail about an order. Its key makes it one of a kind: for as long as the task is kept, a second push stores nothing. */
export const orderMail = (orderId: string, template: MailTemplate) => ({
  kind: SendMail,
  payload: { orderId, template },
  externalKey: `${orderId}:${template}`,
});
