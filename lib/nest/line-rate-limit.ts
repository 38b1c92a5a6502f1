/** The most lines about single tasks in a period. */
const MOST_LINES = 20;
const PERIOD_MS = 10_000;

type Level = 'log' | 'error';

/** Writes a limited number of lines per period, and then how many lines it left out. */
export class LineRateLimit {
  private startedAt = Number.NEGATIVE_INFINITY;
  private lines = 0;

  constructor(private readonly out: (level: Level, line: string) => void) {}

  write(level: Level, line: string): void {
    const now = performance.now();
    if (now - this.startedAt >= PERIOD_MS) {
      const suppressed = this.lines - MOST_LINES;
      this.startedAt = now;
      this.lines = 0;
      if (suppressed > 0) {
        this.out(level, `${suppressed} more lines about single tasks were left out`);
      }
    }
    if (this.lines++ < MOST_LINES) {
      this.out(level, line);
    }
  }
}
