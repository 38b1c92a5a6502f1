import type { ShardMap } from '../shards.js';

/** What the customers of the demo do. */
export type Intent = 'pays' | 'is declined' | 'wants a poster' | 'pays later' | 'never pays';

export interface Customer {
  readonly email: string;
  readonly intent: Intent;
  readonly sku: string;
  readonly quantity: number;
  /** When, as a share of the time in which customers come. */
  readonly comesAt: number;
}

/** What there is enough of; posters are few. */
const PRODUCTS = ['mug', 'bowl', 'plate', 'spoon', 'vase'];
const POSTER = 'poster';

/** One round of twenty customers, mixed. */
const ROUND: readonly Intent[] = (
  'pays,wants a poster,pays,is declined,pays,never pays,pays,wants a poster,pays,pays later,' +
  'pays,wants a poster,pays,is declined,pays,never pays,pays,wants a poster,pays later,pays'
).split(',') as Intent[];

/** What the customers of one database do. */
export interface Plan {
  readonly shard: string;
  readonly customers: readonly Customer[];
  readonly stock: Readonly<Record<string, number>>;
  /** How many orders end in which way. */
  readonly expected: Readonly<Record<'paid' | 'declined' | 'expired' | 'rolledBack', number>>;
}

/** The random part of the demo is when and how often things fail, not what must come of it. @returns a plan for each database */
export function planOrders(count: number, shards: ShardMap): Plan[] {
  const customers = Array.from({ length: count }, (_, index) => customer(index, count));
  return shards.names.map((shard) =>
    planOf(
      shard,
      customers.filter(({ email }) => shards.ofCustomer(email) === shard),
    ),
  );
}

function customer(index: number, count: number): Customer {
  const intent = ROUND[index % ROUND.length]!;
  const poster = intent === 'wants a poster';
  return {
    email: `customer-${index}@example.com`,
    intent,
    sku: poster ? POSTER : PRODUCTS[index % PRODUCTS.length]!,
    quantity: poster ? 1 : 1 + (index % 3),
    comesAt: index / count,
  };
}

function planOf(shard: string, customers: readonly Customer[]): Plan {
  const number = (intent: Intent) => customers.filter((other) => other.intent === intent).length;
  const posters = Math.floor(number('wants a poster') / 4);
  return {
    shard,
    customers,
    stock: {
      ...Object.fromEntries(PRODUCTS.map((sku) => [sku, 3 * customers.length])),
      [POSTER]: posters,
    },
    expected: {
      paid: number('pays') + number('pays later') + posters,
      declined: number('is declined'),
      expired: number('never pays'),
      rolledBack: number('wants a poster') - posters,
    },
  };
}
