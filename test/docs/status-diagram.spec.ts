import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { drawStatusDiagram } from '../../scripts/draw-status-diagram.mjs';
import { TRANSITIONS } from '../support/transitions.js';

describe('docs/status-diagram.svg', () => {
  it('is what the transition table makes', () => {
    const committed = readFileSync('docs/status-diagram.svg', 'utf8');
    expect(committed, 'run `npm run docs:diagram`').toBe(drawStatusDiagram(TRANSITIONS));
  });

  it('names every event and every status of the table', () => {
    const picture = drawStatusDiagram(TRANSITIONS);
    for (const { from, event, to } of TRANSITIONS) {
      for (const word of [event, ...[from, ...to].filter((status) => status !== null)]) {
        expect(picture).toMatch(new RegExp(`[> ]${word}[< ]`));
      }
    }
  });

  it('can’t be drawn without a place for each transition', () => {
    const strange = [...TRANSITIONS, { from: 'succeeded', event: 'failure', to: ['must_retry'] } as const];
    expect(() => drawStatusDiagram(strange)).toThrow('a transition succeeded → must_retry');
    const fewer = TRANSITIONS.filter(({ event }) => event !== 'janitor');
    expect(() => drawStatusDiagram(fewer)).toThrow('no transition terminal → deleted');
  });
});
