/** What the customers of the demo do. */
export type Intent = 'pays' | 'is declined' | 'wants a poster' | 'pays later' | 'never pays';

/** What there is enough of; posters are few. */
export const PRODUCTS = ['mug', 'bowl', 'plate', 'spoon', 'vase'];

/** One round of twenty customers, mixed. */
const ROUND: readonly Intent[] = (
  'pays,wants a poster,pays,is declined,pays,never pays,pays,wants a poster,pays,pays later,' +
  'pays,wants a poster,pays,is declined,pays,never pays,pays,wants a poster,pays later,pays'
).split(',') as Intent[];

export interface Plan {
  readonly intents: readonly Intent[];
  readonly stock: Readonly<Record<string, number>>;
  /** How many orders end in which way. */
  readonly expected: Readonly<Record<'paid' | 'declined' | 'expired' | 'rolledBack', number>>;
}

/** The random part of the demo is when and how often things fail, not what must come of it. */
export function planOrders(count: number): Plan {
  const intents = Array.from({ length: count }, (_, index) => ROUND[index % ROUND.length]!);
  const number = (intent: Intent) => intents.filter((other) => other === intent).length;
  const posters = Math.floor(number('wants a poster') / 4);
  return {
    intents,
    stock: { ...Object.fromEntries(PRODUCTS.map((sku) => [sku, 3 * count])), poster: posters },
    expected: {
      paid: number('pays') + number('pays later') + posters,
      declined: number('is declined'),
      expired: number('never pays'),
      rolledBack: number('wants a poster') - posters,
    },
  };
}
