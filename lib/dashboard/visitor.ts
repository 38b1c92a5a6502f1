import { type KindRef, kindOf } from '../task/task-definition.js';
import { checkActor } from '../inspect/operator-action.js';
import { check } from '../errors/check.js';
import type { DashboardAccess } from './dashboard-api.js';

/** A visitor, and what the visitor may do. */
export interface DashboardVisitor {
  /** The name of the visitor for the record of actions: 1 to 200 characters. */
  user?: string;
  /** The kinds that the visitor may see: all, none, or these. */
  view: boolean | readonly KindRef[];
  /** Of these kinds, those whose tasks the visitor may change. Default: none. */
  act?: boolean | readonly KindRef[];
}

/** The result of `authorize`: `true` allows everything, `'read-only'` allows no changes, `false` denies access; an object names the visitor and the kinds. */
export type Authorization = boolean | 'read-only' | DashboardVisitor;

/** The numbers of kinds; null: all kinds. */
export type KindSet = ReadonlySet<number> | null;

/** A visitor who has access. */
export interface Visitor {
  readonly user: string | null;
  readonly access: DashboardAccess;
  /** The kinds that the visitor may see. */
  readonly kinds: KindSet;
  /** The kinds whose tasks the visitor may change. */
  readonly actsOn: KindSet;
}

const NONE: KindSet = new Set();
const FIELDS = ['user', 'view', 'act'];

/**
 * The visitor of a result of `authorize`; null when it grants no access.
 * @throws InvalidOptionError for an object with other fields, which must not grant access
 */
export function visitorOf(answer: unknown): Visitor | null {
  if (answer === true || answer === 'read-only') {
    return visitorWith(null, null, answer === true ? null : NONE);
  }
  if (typeof answer !== 'object' || answer === null) {
    return null;
  }
  const fields = Object.keys(answer);
  const areKnown = fields.every((name) => FIELDS.includes(name));
  // The values are left out: they may be data of a user of the application.
  check(areKnown, 'authorize', fields.join(', '), 'must return no fields other than user, view and act');
  const { user, view, act = false } = answer as Partial<DashboardVisitor>;
  const [by, kinds, acting] = [checkActor(user, 'user'), kindsOf(view, 'view'), kindsOf(act, 'act')];
  return kinds?.size === 0 ? null : visitorWith(by, kinds, acting);
}

function visitorWith(user: string | null, kinds: KindSet, acting: KindSet): Visitor {
  const actsOn = acting === null ? kinds : new Set([...acting].filter((kind) => isAmong(kinds, kind)));
  return { user, access: actsOn?.size === 0 ? 'read-only' : 'full', kinds, actsOn };
}

function kindsOf(value: unknown, field: string): KindSet {
  if (typeof value === 'boolean') {
    return value ? null : NONE;
  }
  check(Array.isArray(value), field, value, 'must be true, false or a list of kinds');
  return new Set(value.map((kind: KindRef) => kindOf(kind, field)));
}

export function isAmong(kinds: KindSet, kind: number): boolean {
  return kinds === null || kinds.has(kind);
}
