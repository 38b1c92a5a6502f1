import { formatNumber } from '../format.js';

/** How many slots are in use. */
export function SlotsBar({ busy, capacity }: { busy: number; capacity: number }) {
  return (
    <span class="slots">
      <span class="slots-figures">
        {formatNumber(busy)}
        <span class="faint"> / {formatNumber(capacity)}</span>
      </span>
      <svg
        class={`slots-bar${capacity > 0 && busy >= capacity ? ' slots-full' : ''}`}
        viewBox="0 0 100 4"
        preserveAspectRatio="none"
        aria-hidden="true"
      >
        <rect class="slots-all" width="100" height="4" />
        <rect
          class="slots-busy"
          width={capacity === 0 ? 0 : Math.min(100, (busy / capacity) * 100)}
          height="4"
        />
      </svg>
    </span>
  );
}
