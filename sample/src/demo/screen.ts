import { styleText } from 'node:util';
import type { Check, Outcome } from './outcome.js';

const { stdout } = process;
const REDRAW_MS = 200;
/** Without a terminal, a progress line is a line. */
const PLAIN_MS = 5000;

/** Writes one line of progress, over and over again in a terminal. */
export class Progress {
  private drawn = false;

  get intervalMs(): number {
    return stdout.isTTY ? REDRAW_MS : PLAIN_MS;
  }

  draw(line: string): void {
    if (stdout.isTTY) {
      stdout.write(`\r\u001B[K${line.slice(0, stdout.columns - 1)}`);
      this.drawn = true;
    } else {
      stdout.write(`${line}\n`);
    }
  }

  /** A line that stays. */
  say(line: string): void {
    stdout.write(`${this.drawn ? '\r\u001B[K' : ''}${line}\n`);
    this.drawn = false;
  }
}

/** @returns the outcome as tables, for a person to read */
export function describeOutcome({ orders, proofs, queue }: Outcome, outage: readonly Check[]): string {
  const sections = [
    section('ORDERS', orders),
    section('PROOFS', proofs),
    ...(outage.length > 0 ? [section('OUTAGE', outage)] : []),
    queueTable(queue),
  ];
  return sections.map((lines) => lines.join('\n')).join('\n\n');
}

function section(title: string, checks: readonly Check[]): string[] {
  return [
    row(title, 'expected', 'found', '').trimEnd(),
    ...checks.map((check) =>
      row(
        check.label,
        check.expected,
        check.found,
        check.holds ? paint('green', 'ok') : paint('red', 'WRONG'),
      ),
    ),
  ];
}

function row(label: string, expected: unknown, found: unknown, result: string): string {
  return `  ${label.padEnd(50)}${String(expected).padStart(8)}${String(found).padStart(8)}  ${result}`;
}

function queueTable(queue: Outcome['queue']): string[] {
  const statuses = [
    ...new Set(['succeeded', 'cancelled', ...queue.flatMap((kind) => Object.keys(kind.statuses))]),
  ];
  return [
    taskRow('TASKS', [...statuses, 'attempts']),
    ...queue.map((kind) =>
      taskRow(kind.name, [...statuses.map((status) => kind.statuses[status] ?? 0), kind.attempts]),
    ),
  ];
}

function taskRow(name: string, cells: readonly unknown[]): string {
  return `  ${name.padEnd(16)}${cells.map((cell) => String(cell).padStart(14)).join('')}`;
}

function paint(color: 'green' | 'red', text: string): string {
  return stdout.isTTY ? styleText(color, text) : text;
}
