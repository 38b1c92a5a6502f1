/** When a server is asked, by its own clock. */
export interface ServerMoment {
  readonly now: Date;
  /** How old what is read then may be, in ms, by the clocks of both servers: 0 on a master, null where a replica can't tell. */
  readonly ageMs: number | null;
}
