import { useMemo, useState } from 'preact/hooks';
import type { LoadedKind, LoadedOverview } from '../api.js';
import { formatClock, formatExactly, formatNumber, plural } from '../format.js';
import { type Minute, ThroughputChart } from './throughput-chart.js';

/** The attempts of the last hour, of all kinds or of one. */
export function ThroughputPanel({
  overview: { kinds, throughput },
  charted,
  onChart,
}: {
  overview: LoadedOverview;
  charted: number | null;
  onChart: (kind: number | null) => void;
}) {
  const [at, setAt] = useState<number | null>(null);
  const minutes = useMemo(() => minutesOf(throughput, kinds, charted), [throughput, kinds, charted]);
  const named = useMemo(() => kinds.toSorted((a, b) => a.name.localeCompare(b.name, 'en')), [kinds]);
  const pointed = at === null ? undefined : minutes[at];
  const shown = pointed ?? total(minutes);
  return (
    <section class="panel throughput" id="throughput" aria-labelledby="throughput-title">
      <div class="panel-head">
        <h2 id="throughput-title" class="panel-title">
          Attempts per minute
        </h2>
        <label class="field-inline">
          <span class="visually-hidden">Kind in the chart</span>
          <select
            value={charted ?? ''}
            onChange={({ currentTarget: { value } }) => onChart(value === '' ? null : Number(value))}
          >
            <option value="">All kinds</option>
            {named.map(({ kind, name }) => (
              <option key={kind} value={kind}>
                {name}
              </option>
            ))}
          </select>
        </label>
        <p class="throughput-legend">
          <span class="faint">{pointed ? formatClock(pointed.at) : 'Last 60 minutes'}</span>
          <span class="legend legend-good" title={formatExactly(shown.succeeded)}>
            {formatNumber(shown.succeeded)} succeeded
          </span>
          <span class="legend legend-failed" title={formatExactly(shown.failed)}>
            {formatNumber(shown.failed)} failed
          </span>
        </p>
      </div>
      <div role="img" aria-label={summary(minutes)}>
        <ThroughputChart minutes={minutes} onPoint={setAt} />
      </div>
    </section>
  );
}

/** The minutes of all kinds, or of one; a kind without attempts has empty minutes. */
function minutesOf(
  throughput: LoadedOverview['throughput'],
  kinds: readonly LoadedKind[],
  charted: number | null,
): Minute[] {
  const points = charted === null ? throughput : (kinds.find(({ kind }) => kind === charted)?.points ?? []);
  return throughput.map(({ at }, minute) => ({
    at: Date.parse(at),
    succeeded: points[minute]?.succeeded ?? 0,
    failed: points[minute]?.failed ?? 0,
  }));
}

function total(minutes: readonly Minute[]): { succeeded: number; failed: number } {
  return {
    succeeded: minutes.reduce((sum, { succeeded }) => sum + succeeded, 0),
    failed: minutes.reduce((sum, { failed }) => sum + failed, 0),
  };
}

function summary(minutes: readonly Minute[]): string {
  const { succeeded, failed } = total(minutes);
  return `In the last 60 minutes ${plural(succeeded, 'attempt')} succeeded and ${formatExactly(failed)} failed.`;
}
