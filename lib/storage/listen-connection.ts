import pg from 'pg';
import type { ConnectionOptions } from './connection-options.js';

/** One connection of its own that listens; a pooled one would be reset or handed to somebody else. */
export class ListenConnection {
  private constructor(private readonly client: pg.Client) {}

  /**
   * Connects and listens.
   * @param onClosed told once when the connection is gone, whoever closed it
   */
  static async open(
    connection: ConnectionOptions,
    deadlineMs: number,
    channel: string,
    onMessage: (payload: string) => void,
    onClosed: (error: Error) => void,
  ): Promise<ListenConnection> {
    const client = new pg.Client({
      ...connection,
      connectionTimeoutMillis: deadlineMs,
      query_timeout: deadlineMs,
      keepAlive: true,
    });
    client.on('notification', ({ payload }) => onMessage(payload ?? ''));
    client.on('error', onClosed);
    client.on('end', () => onClosed(new Error('the listening connection has ended')));
    const opened = new ListenConnection(client);
    try {
      await client.connect();
      await client.query(`LISTEN ${pg.escapeIdentifier(channel)}`);
      return opened;
    } catch (error) {
      await opened.close();
      throw error;
    }
  }

  /** Throws when the server gives no sign of life. */
  async probe(): Promise<void> {
    await this.client.query('SELECT 1');
  }

  /** Never rejects, and does not wait for a server that is silent. */
  async close(): Promise<void> {
    const cut = setTimeout(
      () =>
        (
          this.client as unknown as { connection: { stream: { destroy(): void } } }
        ).connection.stream.destroy(),
      500,
    );
    try {
      await this.client.end();
    } catch {
      // It is gone already.
    } finally {
      clearTimeout(cut);
    }
  }
}
