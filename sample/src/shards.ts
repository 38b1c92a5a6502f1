import { createHash } from 'node:crypto';

/** The names of so many databases. The first keeps the name of a shop with one, so that its tasks keep their ids when others are added. */
export function shardNames(count: number): string[] {
  return Array.from({ length: count }, (_, index) => (index === 0 ? 'default' : `shard-${index + 1}`));
}

/** Says in which database a customer is, with all orders, and with the products that these are sent from. */
export class ShardMap {
  constructor(readonly names: readonly string[]) {}

  ofCustomer(email: string): string {
    return this.ofBucket(bucketOf(email));
  }

  ofOrder(id: string): string {
    return this.ofBucket(id.slice(0, BUCKET_DIGITS));
  }

  /** With another number of databases, most customers would be elsewhere: a shop that grows keeps a table of its buckets. */
  private ofBucket(bucket: string): string {
    return this.names[Number.parseInt(bucket, 16) % this.names.length]!;
  }
}

const BUCKET_DIGITS = 4;

/**
 * An order's id begins with its customer's bucket, so that it tells by itself where the order is. The rest is made of the request,
 * so that an order that is sent again has the id that it had.
 */
export function orderIdOf(email: string, requestId: string): string {
  const digits = bucketOf(email) + digest(`${email} ${requestId}`);
  // A UUID of version 8, whose digits are the application's own.
  return [
    digits.slice(0, 8),
    digits.slice(8, 12),
    `8${digits.slice(12, 15)}`,
    `8${digits.slice(15, 18)}`,
    digits.slice(18, 30),
  ].join('-');
}

/** One of 65,536, the same for ever whatever databases there are. */
function bucketOf(email: string): string {
  return digest(email).slice(0, BUCKET_DIGITS);
}

function digest(text: string): string {
  return createHash('sha256').update(text.toLowerCase()).digest('hex');
}
