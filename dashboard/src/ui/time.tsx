import { useNow } from '../clock.js';
import { formatAge, formatDateTime } from '../format.js';

/** A past or future time relative to now, with the full date as a tooltip. */
export function Ago({ at }: { at: string }) {
  const ms = useNow() - Date.parse(at);
  return (
    <time dateTime={at} title={formatDateTime(at)}>
      {describe(ms)}
    </time>
  );
}

function describe(ms: number): string {
  if (Math.abs(ms) < 1000) {
    return 'just now';
  }
  return ms < 0 ? `in ${formatAge(-ms)}` : `${formatAge(ms)} ago`;
}

/** The time that has passed since a moment. */
export function For({ since }: { since: string }) {
  return (
    <time dateTime={since} title={`since ${formatDateTime(since)}`}>
      {formatAge(useNow() - Date.parse(since))}
    </time>
  );
}

export function At({ at }: { at: string }) {
  return (
    <time dateTime={at} title={at}>
      {formatDateTime(at)}
    </time>
  );
}
