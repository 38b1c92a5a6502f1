import { type KindRef, kindOf } from '../task/task-definition.js';
import { checkActor } from '../task/action-record.js';
import { InvalidOptionError } from '../task/task.errors.js';
import type { DashboardAccess } from './dashboard-api.js';

/** What a visitor may do: see, and act. */
export type Permission = (typeof PERMISSIONS)[number];
const PERMISSIONS = ['view', 'act'] as const;

/** Who a visitor is, and what he may do. */
export interface DashboardVisitor {
  /** Who he is, for the record of his actions: 1 to 200 characters. */
  user?: string;
  /** Nothing is shown without `'view'`, and nothing changed without `'act'`. */
  may: readonly Permission[];
  /** The kinds that he may see and act on. Default: all. */
  kinds?: readonly KindRef[];
}

/** What `authorize` says of a request: everything, look but change nothing, not even a look, or who it is and what he may. */
export type Authorization = boolean | 'read-only' | DashboardVisitor;

/** A visitor who was let in. */
export interface Visitor {
  readonly user: string | null;
  readonly access: DashboardAccess;
  /** Null: all. */
  readonly kinds: ReadonlySet<number> | null;
}

/**
 * The visitor that an answer of `authorize` lets in; null when it lets nobody in.
 * @throws InvalidOptionError for an object that says something else, which must not be read as a right
 */
export function visitorOf(answer: unknown): Visitor | null {
  if (answer === true || answer === 'read-only') {
    return { user: null, access: answer === true ? 'full' : answer, kinds: null };
  }
  if (typeof answer !== 'object' || answer === null) {
    return null;
  }
  const unknown = Object.entries(answer).find(([name]) => !['user', 'may', 'kinds'].includes(name));
  if (unknown) {
    throw new InvalidOptionError(unknown[0], unknown[1], 'is not a part of what authorize may answer');
  }
  const { user, may, kinds } = answer as Partial<DashboardVisitor>;
  if (!Array.isArray(may) || !may.every((each) => PERMISSIONS.includes(each))) {
    throw new InvalidOptionError('may', may, `must be a list of ${PERMISSIONS.join(', ')}`);
  }
  if (kinds !== undefined && !Array.isArray(kinds)) {
    throw new InvalidOptionError('kinds', kinds, 'must be a list of kinds');
  }
  const visitor: Visitor = {
    user: checkActor(user),
    access: may.includes('act') ? 'full' : 'read-only',
    kinds: kinds ? new Set(kinds.map((kind) => kindOf(kind, 'kinds'))) : null,
  };
  return may.includes('view') ? visitor : null;
}

export function maySee({ kinds }: Visitor, kind: number): boolean {
  return kinds === null || kinds.has(kind);
}
