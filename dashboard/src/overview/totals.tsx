import type { ComponentChildren } from 'preact';
import type { LoadedOverview } from '../api.js';
import { formatCount, formatExactly, formatNumber } from '../format.js';
import { links } from '../router.js';
import { statusLabel, STATUSES } from '../statuses.js';
import { SlotsBar } from '../ui/slots-bar.js';

/** The totals over all kinds. */
export function Totals({ overview: { totals, workers } }: { overview: LoadedOverview }) {
  return (
    <section class="panel totals" aria-label="All kinds together">
      {STATUSES.map((status) => {
        const { count, approximate } = totals.statuses[status];
        return (
          <Total
            key={status}
            name={statusLabel(status)}
            href={links.tasks({ status })}
            tone={status === 'no_attempts_left' && count > 0 ? 'bad' : undefined}
            title={formatExactly(count)}
          >
            {formatCount({ count, approximate })}
          </Total>
        );
      })}
      <Total name="Slots in use" href={links.workers}>
        <SlotsBar busy={totals.busy} capacity={totals.capacity} />
      </Total>
      <Total name="Processes" href={links.workers} tone={workers.lost > 0 ? 'bad' : undefined}>
        {formatNumber(workers.live)}
        {workers.lost > 0 && <span class="total-note">{formatNumber(workers.lost)} lost</span>}
      </Total>
    </section>
  );
}

function Total({
  name,
  href,
  tone,
  title,
  children,
}: {
  name: string;
  href: string;
  tone?: 'bad';
  title?: string;
  children: ComponentChildren;
}) {
  return (
    <a class={`total${tone ? ` total-${tone}` : ''}`} href={href} title={title}>
      <span class="total-name">{name}</span>
      <span class="total-figure">{children}</span>
    </a>
  );
}
