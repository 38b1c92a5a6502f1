import { oneLine as plainLine, printableJson } from '../errors/one-line.js';

/** Where a command writes. */
export interface Output {
  out(text: string): void;
  err(text: string): void;
}

/** One line without spaces around it, whatever is in a name, a key or a message. */
export function oneLine(text: string): string {
  return plainLine(text).trim();
}

/** A line of JSON, as safe to look at as text. */
export function jsonLine(value: unknown): string {
  return `${printableJson(value)}\n`;
}

/** Columns as wide as what is in them. */
export function table(rows: readonly (readonly string[])[]): string {
  const lines = rows.map((row) => row.map(oneLine));
  const widths = (lines[0] ?? []).map((_, column) => Math.max(...lines.map((line) => line[column]!.length)));
  return lines
    .map(
      (line) =>
        `${line
          .map((cell, column) => cell.padEnd(widths[column]!))
          .join('  ')
          .trimEnd()}\n`,
    )
    .join('');
}

/** How long ago, or how long a time is, in its largest unit. */
export function duration(ms: number): string {
  const units = [
    [86_400_000, 'd'],
    [3_600_000, 'h'],
    [60_000, 'm'],
    [1000, 's'],
  ] as const;
  const [size, unit] = units.find(([unitMs]) => ms >= unitMs) ?? [1, 'ms'];
  return `${Math.floor(ms / size)} ${unit}`;
}
