import { oneLine as plainLine, printableJson } from '../errors/one-line.js';

/** Where a command writes. */
export interface Output {
  out(text: string): void;
  err(text: string): void;
}

/** The text as one trimmed line, without control characters, whatever a name, a key or a message contains. */
export function oneLine(text: string): string {
  return plainLine(text).trim();
}

/** A line of JSON without control characters, so that it is safe to print on a terminal. */
export function jsonLine(value: unknown): string {
  return `${printableJson(value)}\n`;
}

/** Rows as text with aligned columns, each as wide as its widest cell. */
export function table(rows: readonly (readonly string[])[]): string {
  const lines = rows.map((row) => row.map(oneLine));
  const widths = (lines[0] ?? []).map((_, column) => Math.max(...lines.map((line) => line[column]!.length)));
  const padded = lines.map((line) => line.map((cell, column) => cell.padEnd(widths[column]!)));
  return padded.map((cells) => `${cells.join('  ').trimEnd()}\n`).join('');
}

/** A duration in whole numbers of its largest unit. */
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
