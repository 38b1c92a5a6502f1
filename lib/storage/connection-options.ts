/** How the queue's own connections reach the server: what `pg` takes, written out so that a user needs no types of it. */
export interface ConnectionOptions {
  readonly [option: string]: unknown;
  /** Settings of the session, as on the command line of the server. */
  readonly options?: string;
  readonly connectionTimeoutMillis?: number;
}
