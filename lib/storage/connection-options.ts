import pg from 'pg';

/** How the queue's own connections reach the server: what `pg` takes, written out so that a user needs no types of it. */
export interface ConnectionOptions {
  readonly [option: string]: unknown;
  /** Settings of the session, as on the command line of the server. */
  readonly options?: string;
  /** Its settings take precedence over all other options. */
  readonly connectionString?: string;
  readonly connectionTimeoutMillis?: number;
  readonly application_name?: string;
  /** The class of the application's connections. */
  readonly Client?: unknown;
}

/** A pool of `pg`, be it the application's or one of TypeORM's driver. */
export interface PoolWithOptions {
  readonly options: object;
  /** The class of its connections. */
  readonly Client?: unknown;
}

/** How the connections of a pool reach the server. */
export function optionsOf({ options, Client }: PoolWithOptions): ConnectionOptions {
  const { password, ssl } = options as ConnectionOptions;
  // Neither is enumerable in a pool's options, so that a spread leaves them out.
  return { ...options, password, ssl, Client };
}

/** PostgreSQL cuts longer names off. */
const MAX_NAME_LENGTH = 63;

/** What a connection is for, as operators see it in pg_stat_activity. */
export interface ConnectionPurpose {
  readonly role: string;
  readonly worker?: string;
}

export interface OwnClientOptions {
  readonly purpose: ConnectionPurpose;
  readonly deadlineMs: number;
  /** A pooler in transaction mode stands between: no prepared statements, and settings only within a transaction. */
  readonly transactionPooling: boolean;
}

/**
 * A client of the queue's own, which is to connect as the application's would: to the same server, with the same password. How those
 * are used otherwise is not inherited.
 */
export function ownClient(
  connection: ConnectionOptions,
  { purpose, deadlineMs, transactionPooling }: OwnClientOptions,
): pg.Client {
  const { Client, stream, ...reach } = transactionPooling ? connection : withSetting(connection);
  const Own = isClient(Client) ? Client : pg.Client;
  return new Own({
    ...reach,
    ...named(reach, purpose),
    // A function makes a stream for each connection; a stream serves one.
    ...(typeof stream === 'function' ? { stream: stream as NonNullable<pg.ClientConfig['stream']> } : {}),
    connectionTimeoutMillis: deadlineMs,
    query_timeout: deadlineMs,
    keepAlive: true,
    statement_timeout: undefined,
    lock_timeout: undefined,
    idle_in_transaction_session_timeout: undefined,
    // The application may have changed how pg reads types; here every value comes as the server's text.
    types: { getTypeParser: () => (value: string | Buffer) => value } as unknown as pg.CustomTypesConfig,
    binary: false,
    client_encoding: undefined,
    connection: undefined,
    pipeline: false,
    Promise: undefined,
    replication: undefined,
  } as pg.ClientConfig);
}

/** A row whose values are texts, unless they are null. */
export type TextRow = Record<string, string | null>;

/** Runs a query as `pg` itself does, even on a class of the application that changes queries; a timeout in the URL does not count. */
export function sendQuery(
  client: pg.ClientBase,
  query: { name?: string; text: string; values?: unknown[] },
  deadlineMs: number,
): Promise<pg.QueryResult<TextRow>> {
  const run = pg.Client.prototype.query as (config: object) => Promise<pg.QueryResult<TextRow>>;
  return run.call(client, { ...query, query_timeout: deadlineMs });
}

/** Cuts a connection without a word to its server, which may be silent. */
export function cut(client: pg.ClientBase): void {
  (client as unknown as { connection: { stream: { destroy(): void } } }).connection.stream.destroy();
}

/** Whether this is a class of clients: the application's own may fetch its password. One of another copy of `pg` is not recognized. */
function isClient(Client: unknown): Client is typeof pg.Client {
  return typeof Client === 'function' && Client.prototype instanceof pg.Client;
}

/**
 * The same with a setting of the session, after the application's own. A pooler whose sessions belong to others too refuses such a
 * connection, before what the queue sets in its sessions can get into theirs.
 */
function withSetting(connection: ConnectionOptions): ConnectionOptions {
  const { value = connection.options, rest } = inAddress(connection.connectionString, 'options');
  return { ...connection, ...rest, options: [value, '-c jit=off'].filter(Boolean).join(' ') };
}

/** A parameter of a URL, which `pg` prefers to the option of this name, and the URL without it. */
function inAddress(
  url: string | undefined,
  name: string,
): { readonly value?: string; readonly rest: { readonly connectionString?: string } } {
  const pattern = new RegExp(`([?&])${name}=([^&#]*)&?`);
  const [, before = '', encoded] = url?.match(pattern) ?? [];
  return encoded === undefined
    ? { rest: {} }
    : {
        value: decodeURIComponent(encoded.replaceAll('+', ' ')),
        rest: { connectionString: url!.replace(pattern, before) },
      };
}

/** An address without the application's name, and with the name of the connection. */
export function named(
  { connectionString, application_name, fallback_application_name }: ConnectionOptions,
  purpose: ConnectionPurpose,
) {
  const { value, rest } = inAddress(connectionString, 'application_name');
  const own = value || application_name || process.env['PGAPPNAME'] || fallback_application_name;
  return { ...rest, application_name: applicationName(own, purpose) };
}

/** The application's own name, as far as it leaves room for the role, and the worker as far as there is room for that. */
function applicationName(own: unknown, { role, worker = '' }: ConnectionPurpose): string {
  const label = `nestjs-pgqueue ${role}`;
  const before = typeof own === 'string' ? own.slice(0, MAX_NAME_LENGTH - label.length - 1) : '';
  return `${before} ${label} ${worker}`.trim().slice(0, MAX_NAME_LENGTH);
}
