/** The leases of this process: the one that new claims are made under, and older ones until their last attempt is settled. */
export class HeldLeases {
  private lease: number | null = null;
  private readonly retired = new Set<number>();

  /** The lease that new claims are made under; null while there is none. */
  get current(): number | null {
    return this.lease;
  }

  /** All leases, the current one first. */
  get all(): readonly number[] {
    return this.lease === null ? [...this.retired] : [this.lease, ...this.retired];
  }

  /** The older leases. */
  get older(): ReadonlySet<number> {
    return this.retired;
  }

  /** Whether a lease is this process's, as far as it knows. */
  holds(leaseId: number): boolean {
    return leaseId === this.lease || this.retired.has(leaseId);
  }

  acquire(leaseId: number): void {
    this.lease = leaseId;
  }

  /** Makes the current lease an older one: nothing is claimed under it any more. */
  retire(): void {
    if (this.lease !== null) {
      this.retired.add(this.lease);
      this.lease = null;
    }
  }

  /** A lease was taken away, or released. */
  remove(leaseId: number): void {
    this.retired.delete(leaseId);
    if (this.lease === leaseId) {
      this.lease = null;
    }
  }
}
