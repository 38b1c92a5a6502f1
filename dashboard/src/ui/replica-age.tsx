import { formatDuration } from '../format.js';

/** How old the figures may be when they were read from a replica. */
export function ReplicaAge({ ageMs }: { ageMs: number | null }) {
  if (ageMs === 0) {
    return null;
  }
  return (
    <span class="faint">
      read from a replica, {ageMs === null ? 'nobody knows how old' : `at most ${formatDuration(ageMs)} old`}
    </span>
  );
}
