import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fairShare } from '../../lib/worker/slots/fair-share.js';

const user = (used: number, servedAt = 0) => ({ used, servedAt });

describe('fairShare', () => {
  it.each([
    ['all, when nobody else wants one', user(3), [], 7, 7],
    ['half, when both have none', user(0, 1), [user(0, 2)], 10, 5],
    ['what the other has more, and half of the rest', user(0), [user(4)], 10, 7],
    ['nothing, while the other has fewer', user(6), [user(0)], 6, 0],
    ['the odd one, when the other was served last', user(1, 1), [user(1, 2)], 1, 1],
    ['nothing of the odd one, when it was served last itself', user(1, 3), [user(1, 2)], 1, 0],
    ['nothing, when nothing is free', user(0), [user(5)], 0, 0],
  ])('is %s', (_, one, others, free, share) => {
    expect(fairShare(one, others, free)).toBe(share);
  });

  const users = fc
    .uniqueArray(fc.record({ used: fc.nat(20), servedAt: fc.nat(1000) }), {
      minLength: 1,
      maxLength: 6,
      selector: ({ servedAt }) => servedAt,
    })
    .map((all) => all.map((one) => ({ ...one })));

  it('deals out exactly what is free, and nobody gets one while another who has fewer does not', () => {
    fc.assert(
      fc.property(users, fc.nat(50), (all, free) => {
        const shares = all.map((one) =>
          fairShare(
            one,
            all.filter((other) => other !== one),
            free,
          ),
        );
        expect(shares.reduce((sum, share) => sum + share, 0)).toBe(free);
        const after = all.map(({ used }, index) => used + shares[index]!);
        const served = after.filter((_, index) => shares[index]! > 0);
        // The last slot that anybody got was nobody's who had more than another then.
        expect(Math.max(0, ...served)).toBeLessThanOrEqual(Math.min(...after) + 1);
      }),
    );
  });
});
