/** How the queue's own connections reach the server: what `pg` takes, written out so that a user needs no types of it. */
export interface ConnectionOptions {
  readonly [option: string]: unknown;
  /** Settings of the session, as on the command line of the server. */
  readonly options?: string;
  /** What it says goes before all the others. */
  readonly connectionString?: string;
  readonly connectionTimeoutMillis?: number;
}

/** Of a URL; `pg` takes no other. */
const URL_OPTIONS = /([?&])options=([^&#]*)&?/;

/** The same with more settings of the session, after the application's own: those of a URL would take their place. */
export function withSessionOptions(
  connection: ConnectionOptions,
  settings: readonly string[],
): ConnectionOptions {
  const { connectionString, options } = connection;
  const [, before = '', ofUrl] = connectionString?.match(URL_OPTIONS) ?? [];
  const own = ofUrl === undefined ? options : decodeURIComponent(ofUrl.replaceAll('+', ' '));
  return {
    ...connection,
    ...(ofUrl === undefined ? {} : { connectionString: connectionString!.replace(URL_OPTIONS, before) }),
    options: [own, ...settings].filter(Boolean).join(' '),
  };
}
