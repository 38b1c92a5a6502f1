/** What an operator sets, all of it in environment variables. */
export const config = {
  /** The shop's databases; most shops have one. */
  databaseUrls: required('DATABASE_URLS', 'DATABASE_URL').trim().split(/\s+/),
  /** How long an order may stay unpaid. */
  orderTtl: process.env['ORDER_TTL'] ?? '15m',
  /** How often the payment provider and the mail server fail, from 0 to 1. */
  failureRate: Number(process.env['FAILURE_RATE'] ?? 0.2),
  workerName: process.env['WORKER_NAME'],
};

function required(...names: string[]): string {
  const value = names.map((name) => process.env[name]).find(Boolean);
  if (!value) {
    throw new Error(`${names.at(-1)} is not set; npm start and npm run demo bring a database of their own`);
  }
  return value;
}
