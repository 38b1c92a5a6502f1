import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ClaimCursor, START } from '../../lib/worker/claim/claim-cursor.js';
import { CursorModel, PRIORITIES } from './cursor-model.js';

const RUNS = 3000;
const small = fc.nat(7);
const priority = fc.constantFrom(...PRIORITIES);
const delay = fc.oneof({ weight: 4, arbitrary: fc.constant(0) }, fc.nat(3_000_000));

/** One step of the world: (the word, what it needs). Weighted so that claims are as busy as writers. */
const step = fc.oneof(
  { weight: 3, arbitrary: fc.record({ do: fc.constant('begin' as const) }) },
  { weight: 6, arbitrary: fc.record({ do: fc.constant('push' as const), tx: small, priority, delay }) },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant('rearm' as const), tx: small, row: fc.nat(50), delay }),
  },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('end' as const), tx: small, commit: fc.boolean() }) },
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('start' as const),
      process: small,
      free: fc.integer({ min: 1, max: 4 }),
      limit: fc.integer({ min: 1, max: 5 }),
      xid: fc.boolean(),
    }),
  },
  { weight: 6, arbitrary: fc.record({ do: fc.constant('scan' as const), process: small }) },
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('answer' as const),
      process: small,
      end: fc.constantFrom('commit', 'commit', 'commit', 'commit', 'rollback', 'unknown', 'die'),
    }),
  },
  {
    weight: 8,
    arbitrary: fc.record({
      do: fc.constant('claim' as const),
      process: small,
      free: fc.integer({ min: 1, max: 4 }),
    }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('pass' as const), us: fc.nat(1_500_000) }) },
);

type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

function apply(model: CursorModel, action: Step): void {
  switch (action.do) {
    case 'begin':
      return model.begin();
    case 'push':
      return model.push(action.tx, action.priority, action.delay);
    case 'rearm':
      return model.rearm(action.tx, action.row, action.delay);
    case 'end':
      return model.end(action.tx, action.commit);
    case 'start':
      return model.startClaim(action.process, action.free, action.limit, action.xid);
    case 'scan':
      return model.scanClaim(action.process);
    case 'answer':
      return model.endClaim(action.process, action.end as 'commit');
    case 'claim':
      model.startClaim(action.process, action.free, 1000, true);
      model.scanClaim(action.process);
      return model.endClaim(action.process, 'commit');
    case 'pass':
      model.clock += action.us;
  }
}

/** Every transaction ends, every delay is over, and the processes claim until they find nothing, as a fall-back poll would. */
function settleDown(model: CursorModel): void {
  const claim = (process: number) => {
    model.startClaim(process, 3, 1000, true);
    model.scanClaim(process);
    model.endClaim(process, 'commit');
  };
  model.processes.forEach((_, process) => claim(process));
  while (model.open.length > 0) {
    model.end(0, true);
  }
  model.clock += 10_000_000;
  for (let round = 0; round < 4 + model.rows.length; round++) {
    model.processes.forEach((_, process) => claim(process));
    model.clock += 1_000_000;
  }
}

describe('ClaimCursor', () => {
  it('never leaves a due task behind, whatever the order of events', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 3 }),
        fc.array(step, { minLength: 20, maxLength: 200, size: 'max' }),
        (processes, steps) => {
          const model = new CursorModel(processes);
          steps.forEach((action) => apply(model, action));
          settleDown(model);
          expect(model.waiting().map(({ id }) => id)).toEqual([]);
        },
      ),
      { numRuns: RUNS },
    );
  });

  it.each([
    ['whatever the order of events', {}],
    // By chance alone, one run in twelve would leave nothing to be found.
    ['where there is something', { seed: 1 }],
  ])('finds by a sweep what was behind it, and counts it, %s', (_, histories: { seed?: number }) => {
    let swept = 0;
    fc.assert(
      fc.property(fc.array(step, { minLength: 20, maxLength: 200, size: 'max' }), (steps) => {
        const model = new CursorModel(2);
        model.rollsBackRearmed = true;
        steps.forEach((action) => apply(model, action));
        settleDown(model);
        const left = model.waiting().length;
        model.sweep();
        settleDown(model);
        expect(model.waiting()).toEqual([]);
        const counted = model.processes.reduce((sum, { cursor }) => sum + cursor.takeSwept(), 0);
        expect(counted).toBe(left);
        swept += counted;
      }),
      { numRuns: RUNS, ...histories },
    );
    expect(swept).toBeGreaterThanOrEqual(histories.seed ? 1 : 0);
  });

  it('goes on without a transaction that stays open, and comes back once when it ends', () => {
    const model = new CursorModel(1);
    const claim = () => {
      model.startClaim(0, 10, 1000, true);
      model.scanClaim(0);
      model.endClaim(0, 'commit');
      model.clock += 100_000;
    };
    model.begin();
    model.push(0, 0, 0);
    const { cursor } = model.processes[0]!;
    Array.from({ length: 60 }, claim);
    const passed = cursor.positionOf(1, 0).runAt;
    expect(passed).toBeGreaterThan(model.rows[0]!.versions[0]!.runAt);
    model.end(0, true);
    claim();
    expect(cursor.positionOf(1, 0).runAt).toBeLessThan(passed);
    claim();
    expect(model.waiting()).toEqual([]);
    Array.from({ length: 10 }, claim);
    expect(cursor.positionOf(1, 0).runAt).toBeGreaterThan(passed);
  });

  it('starts anew when the transactions of the database go back: another server answers', () => {
    const cursor = new ClaimCursor();
    const claim = (xid: number, now: number) => {
      const levels = [{ priority: 5, cursor: cursor.positionOf(1, 5) }];
      const kinds = [{ kind: 1, free: 1, levels }];
      const ticket = cursor.begin({
        claimId: 1,
        leaseId: 1,
        kinds,
        limit: 10,
        forceXid: true,
        findNextDue: false,
      });
      const snapshot = `${xid}:${xid}:`;
      const found = { tasks: [], leaseHeld: true, isComplete: true, nextDueMs: null };
      cursor.advance(ticket, { ...found, now, snapshot, xid, rewind: '0' });
    };
    claim(100, 1000);
    claim(101, 2000);
    expect(cursor.positionOf(1, 5)).toEqual({ runAt: 1000, id: 0 });
    claim(90, 3000);
    expect(cursor.positionOf(1, 5)).toEqual(START);
  });

  it('starts anew when the clock of the database goes back', () => {
    const model = new CursorModel(1);
    const claim = () => {
      model.startClaim(0, 10, 1000, true);
      model.scanClaim(0);
      model.endClaim(0, 'commit');
    };
    Array.from({ length: 5 }, () => (claim(), (model.clock += 1_000_000)));
    const { cursor } = model.processes[0]!;
    expect(cursor.positionOf(1, 0).runAt).toBeGreaterThan(0);
    model.clock -= 60_000_000;
    model.begin();
    model.push(0, 0, 0);
    model.end(0, true);
    claim();
    claim();
    expect(model.waiting()).toEqual([]);
  });
});
