/** When a server ran a statement, by its own clock. */
export interface ServerMoment {
  readonly now: Date;
  /** How old what is read then may be, in ms, by the clocks of both servers: 0 on a primary, null where a replica does not know it. */
  readonly ageMs: number | null;
}
