/** The kinds that are paused in the whole cluster, as the last heartbeat had them. */
export class PausedKinds {
  private kinds: ReadonlySet<number> = new Set();

  /** @param onChange told of each kind that is paused, or is so no more */
  constructor(private readonly onChange: (kind: number, paused: boolean) => void) {}

  has(kind: number): boolean {
    return this.kinds.has(kind);
  }

  update(kinds: readonly number[]): void {
    const before = this.kinds;
    this.kinds = new Set(kinds);
    for (const kind of this.kinds) {
      if (!before.has(kind)) {
        this.onChange(kind, true);
      }
    }
    for (const kind of before) {
      if (!this.kinds.has(kind)) {
        this.onChange(kind, false);
      }
    }
  }
}
