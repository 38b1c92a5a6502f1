import type { LoadedKind } from '../api.js';

const WIDTH = 120;
const HEIGHT = 28;
const GAP = 0.5;

/** A bar for each minute, with the failed attempts above the succeeded ones. */
export function Sparkline({ points }: { points: LoadedKind['points'] }) {
  const highest = Math.max(1, ...points.map(({ succeeded, failed }) => succeeded + failed));
  const all = points.map(({ succeeded, failed }) => (succeeded + failed) / highest);
  const good = points.map(({ succeeded }) => succeeded / highest);
  return (
    <svg class="sparkline" viewBox={`0 0 ${WIDTH} ${HEIGHT}`} preserveAspectRatio="none" aria-hidden="true">
      <path class="sparkline-base" d={`M0 ${HEIGHT - 0.5}H${WIDTH}`} />
      <path class="sparkline-failed" d={bars(all, good)} />
      <path class="sparkline-good" d={bars(good)} />
    </svg>
  );
}

/** Bars as one path, from `from` up to `values`; a value above 0 always has a visible bar. */
function bars(values: readonly number[], from: readonly number[] = []): string {
  const step = WIDTH / Math.max(1, values.length);
  return values
    .map((value, minute) => {
      const low = from[minute] ?? 0;
      if (value <= low) {
        return '';
      }
      const height = Math.max(1.5, (value - low) * (HEIGHT - 1));
      const bottom = HEIGHT - low * (HEIGHT - 1);
      return `M${round(minute * step)} ${round(bottom)}v${round(-height)}h${round(step - GAP)}v${round(height)}z`;
    })
    .join('');
}

function round(value: number): number {
  return Math.round(value * 100) / 100;
}
