/** What an operator sets, all of it in environment variables. */
export const config = {
  databaseUrl: required('DATABASE_URL'),
  /** How long an order may stay unpaid. */
  orderTtl: process.env['ORDER_TTL'] ?? '15m',
  /** How often the payment provider and the mail server fail, from 0 to 1. */
  failureRate: Number(process.env['FAILURE_RATE'] ?? 0.2),
  workerName: process.env['WORKER_NAME'],
};

function required(name: string): string {
  const value = process.env[name];
  if (!value) {
    throw new Error(`${name} is not set; npm start and npm run demo bring a database of their own`);
  }
  return value;
}
