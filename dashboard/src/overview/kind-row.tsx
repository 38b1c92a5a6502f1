import type { LoadedKind } from '../api.js';
import { formatCount, formatDuration, formatExactly, plural } from '../format.js';
import { links } from '../router.js';
import { useMayChange } from '../session.js';
import { statusLabel, STATUSES } from '../statuses.js';
import { PauseButton } from '../ui/pause-button.js';
import { SlotsBar } from '../ui/slots-bar.js';
import { For } from '../ui/time.js';
import type { JudgedKind } from './kind-order.js';
import { Sparkline } from './sparkline.js';

export function KindRow({
  judged: { kind, troubles },
  onChart,
}: {
  judged: JudgedKind;
  onChart: (kind: number) => void;
}) {
  const mayChange = useMayChange(kind.kind);
  const { name, statuses, points, wait, run, oldestDueAt, slots, processes } = kind;
  const number = String(kind.kind);
  const failed = points.reduce((sum, point) => sum + point.failed, 0);
  const succeeded = points.reduce((sum, point) => sum + point.succeeded, 0);
  return (
    <tr class={troubles[0] ? `severity-${troubles[0].severity}` : undefined}>
      <th scope="row" class="kind-cell">
        <a class="kind-name" href={links.tasks({ kind: number })}>
          {name}
        </a>
        <span class="kind-notes">
          <span class="faint">
            {number} · {plural(processes, 'process', 'processes')}
          </span>
          {troubles.map(({ label, severity, text }) => (
            <span key={label} class={`tag tag-${severity}`} title={text}>
              {label}
            </span>
          ))}
        </span>
      </th>
      {STATUSES.map((status) => (
        <td key={status} class="numeric count-cell" data-label={statusLabel(status)}>
          {statuses[status].count === 0 ? (
            <span class="faint">0</span>
          ) : (
            <a
              class={`count count-${status}`}
              href={links.tasks({ kind: number, status })}
              title={formatExactly(statuses[status].count)}
              aria-label={`${formatCount(statuses[status])} ${statusLabel(status)}, ${name}`}
            >
              {formatCount(statuses[status])}
            </a>
          )}
        </td>
      ))}
      <td class="activity-cell" data-label="Last 60 minutes">
        <button
          type="button"
          class="chart-button"
          title={`${formatExactly(succeeded)} succeeded, ${formatExactly(failed)} failed. Show in the chart`}
          aria-label={`${name}: ${formatExactly(succeeded)} succeeded, ${formatExactly(failed)} failed in the last 60 minutes. Show in the chart`}
          onClick={() => {
            onChart(kind.kind);
            document.getElementById('throughput')?.scrollIntoView({ block: 'nearest' });
          }}
        >
          <Sparkline points={points} />
        </button>
      </td>
      <td class="percentiles-cell" data-label="p50, p95, p99">
        <Percentiles name="wait" values={wait} />
        <Percentiles name="run" values={run} />
      </td>
      <td class="numeric oldest-cell" data-label="Oldest due">
        {oldestDueAt === null ? <span class="faint">none</span> : <For since={oldestDueAt} />}
      </td>
      <td class="numeric slots-cell" data-label="Slots in use">
        <SlotsBar busy={slots.busy} capacity={slots.capacity} />
      </td>
      <td class="action-cell">{mayChange && <PauseButton kind={kind} quiet />}</td>
    </tr>
  );
}

function Percentiles({ name, values }: { name: string; values: LoadedKind['wait'] }) {
  return (
    <span class="percentiles">
      <span class="faint">{name}</span>
      {values === null ? (
        <span class="faint percentiles-none">none lately</span>
      ) : (
        (['p50', 'p95', 'p99'] as const).map((each) => (
          <span key={each} title={`${each} of the ${name}: up to ${formatDuration(values[each])}`}>
            {formatDuration(values[each])}
          </span>
        ))
      )}
    </span>
  );
}
