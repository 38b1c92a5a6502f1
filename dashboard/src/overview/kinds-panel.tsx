import type { ComponentChildren } from 'preact';
import { useState } from 'preact/hooks';
import { formatExactly } from '../format.js';
import { statusLabel, STATUSES } from '../statuses.js';
import { Message } from '../ui/message.js';
import {
  BY_TROUBLE,
  inOrder,
  type JudgedKind,
  type KindColumn,
  type KindOrder,
  matching,
} from './kind-order.js';
import { KindRow } from './kind-row.js';

interface Column {
  readonly column: KindColumn;
  readonly name: string;
  readonly numeric?: boolean;
  readonly note?: string;
  /** Shown instead of the name. */
  readonly heading?: ComponentChildren;
}

const COLUMNS: readonly Column[] = [
  { column: 'name', name: 'Kind' },
  ...STATUSES.map((status) => ({ column: status, name: statusLabel(status), numeric: true })),
  { column: 'failed', name: 'Last 60 minutes', note: 'sorted by failures' },
  {
    column: 'wait',
    name: 'Wait',
    note: 'How long tasks wait once they are due, and how long attempts run; sorted by the p95 of the wait',
    heading: (
      <span class="percentiles">
        <span />
        <span>p50</span>
        <span>p95</span>
        <span>p99</span>
      </span>
    ),
  },
  { column: 'oldest', name: 'Oldest due', numeric: true },
  { column: 'slots', name: 'Slots in use', numeric: true },
];

/** Every kind with its figures. */
export function KindsPanel({
  kinds,
  more,
  onChart,
}: {
  kinds: readonly JudgedKind[];
  /** The number of kinds that are left out. */
  more: number;
  onChart: (kind: number) => void;
}) {
  const [order, setOrder] = useState(BY_TROUBLE);
  const [text, setText] = useState('');
  const found = inOrder(matching(kinds, text), order);
  return (
    <section class="panel" aria-labelledby="kinds-title">
      <div class="panel-head">
        <h2 id="kinds-title" class="panel-title">
          Kinds
          <span class="panel-count">
            {found.length === kinds.length ? kinds.length : `${found.length} of ${kinds.length}`}
          </span>
        </h2>
        <div class="panel-tools">
          <OrderSelect order={order} onOrder={setOrder} />
          <input
            type="search"
            class="search"
            data-search
            placeholder="Find a kind"
            aria-label="Find a kind by its name or number"
            aria-keyshortcuts="/"
            value={text}
            onInput={(event) => setText(event.currentTarget.value)}
          />
        </div>
      </div>
      {more > 0 && (
        <p class="faint panel-note">
          At least {formatExactly(more)} more kinds are quiet, or have less to tell. Tasks finds them by their
          numbers.
        </p>
      )}
      {found.length === 0 ? (
        <Message title="No kind has this name">
          <button type="button" class="button" onClick={() => setText('')}>
            Show all kinds
          </button>
        </Message>
      ) : (
        <div class="table-frame" tabIndex={0} role="region" aria-label="Kinds, a table that scrolls">
          <table class="kinds">
            <thead>
              <tr>
                {COLUMNS.map((column) => (
                  <HeadCell key={column.column} {...column} order={order} onOrder={setOrder} />
                ))}
                <th scope="col">
                  <span class="visually-hidden">Pause</span>
                </th>
              </tr>
            </thead>
            <tbody>
              {found.map((judged) => (
                <KindRow key={judged.kind.kind} judged={judged} onChart={onChart} />
              ))}
            </tbody>
          </table>
        </div>
      )}
    </section>
  );
}

function HeadCell({
  column,
  name,
  numeric,
  note,
  heading,
  order,
  onOrder,
}: Column & { order: KindOrder; onOrder: (order: KindOrder) => void }) {
  const sorted = order.column === column;
  return (
    <th
      scope="col"
      class={numeric ? 'numeric' : undefined}
      aria-sort={sorted ? (order.descending ? 'descending' : 'ascending') : undefined}
    >
      <button type="button" class="sort" title={note} onClick={() => onOrder(nextOrder(column, order))}>
        {heading ?? name}
      </button>
    </th>
  );
}

/** A first click sorts with the largest value, or the first name, on top, a second one reverses that, and a third one sorts by trouble. */
function nextOrder(column: KindColumn, { column: current, descending }: KindOrder): KindOrder {
  const first = column !== 'name';
  if (current !== column) {
    return { column, descending: first };
  }
  return descending === first ? { column, descending: !first } : BY_TROUBLE;
}

/** Sorts on narrow screens, which have no headings, and can return to the order by trouble. */
function OrderSelect({ order, onOrder }: { order: KindOrder; onOrder: (order: KindOrder) => void }) {
  return (
    <label class="field-inline">
      <span class="field-name">Sort by</span>
      <select
        value={order.column}
        onChange={({ currentTarget: { value } }) =>
          onOrder({ column: value as KindColumn, descending: value !== 'name' })
        }
      >
        <option value="trouble">Trouble</option>
        {COLUMNS.map(({ column, name }) => (
          <option key={column} value={column}>
            {name}
          </option>
        ))}
      </select>
    </label>
  );
}
