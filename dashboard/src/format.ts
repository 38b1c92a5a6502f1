const grouped = new Intl.NumberFormat('en');
const compact = new Intl.NumberFormat('en', { notation: 'compact', maximumSignificantDigits: 3 });
const dateTime = new Intl.DateTimeFormat('en-GB', { dateStyle: 'medium', timeStyle: 'medium' });
const clock = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit' });
const clockWithSeconds = new Intl.DateTimeFormat('en-GB', { timeStyle: 'medium' });

/** Numbers from here on are shortened. */
const EXACT_BELOW = 10_000;
const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** `9,999`, `12.3K`, `≈ 1.2M`. */
export function formatCount({ count, approximate }: { count: number; approximate: boolean }): string {
  return `${approximate ? '≈ ' : ''}${formatNumber(count)}`;
}

export function formatNumber(value: number): string {
  return value < EXACT_BELOW ? grouped.format(value) : compact.format(value);
}

/** The number with all digits, for tooltips and sentences. */
export function formatExactly(value: number): string {
  return grouped.format(value);
}

/** `3 tasks`. */
export function plural(count: number, one: string, many = `${one}s`): string {
  return `${formatExactly(count)} ${count === 1 ? one : many}`;
}

/** A message of the server with a full stop, so that a sentence may follow. */
export function asSentence(text: string): string {
  return /[.!?]$/.test(text) ? text : `${text}.`;
}

const UNITS = [
  [DAY, 'd', HOUR],
  [HOUR, 'h', MINUTE],
  [MINUTE, 'min', SECOND],
  [SECOND, 's', 1],
] as const;

/** How long something took: `<1 ms`, `12 ms`, `1.2 s`, `4.5 min`, `3.2 h`. */
export function formatDuration(ms: number): string {
  if (ms < 1) {
    return '<1 ms';
  }
  // A value that would be rounded up to a whole unit is shown in that unit.
  const [unit, name] = UNITS.find(([length, , smaller]) => ms >= length - smaller / 2) ?? [1, 'ms'];
  const value = ms / unit;
  return `${unit === 1 || value >= 10 ? Math.round(value) : Math.round(value * 10) / 10} ${name}`;
}

/** How long ago something was, in whole units: `42 s`, `4 min`, `3 h 20 min`, `5 days`. */
export function formatAge(ms: number): string {
  if (ms < MINUTE) {
    return `${Math.max(0, Math.floor(ms / SECOND))} s`;
  }
  if (ms < HOUR) {
    return `${Math.floor(ms / MINUTE)} min`;
  }
  if (ms < 2 * DAY) {
    const minutes = Math.floor((ms % HOUR) / MINUTE);
    return `${Math.floor(ms / HOUR)} h${minutes > 0 ? ` ${minutes} min` : ''}`;
  }
  return `${formatExactly(Math.floor(ms / DAY))} days`;
}

export function formatDateTime(time: string | number): string {
  return dateTime.format(new Date(time));
}

/** `14:05`. */
export function formatClock(time: string | number): string {
  return clock.format(new Date(time));
}

/** `14:05:09`. */
export function formatClockWithSeconds(time: string | number): string {
  return clockWithSeconds.format(new Date(time));
}
