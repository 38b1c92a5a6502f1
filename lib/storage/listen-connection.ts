import pg from 'pg';
import {
  type ConnectionOptions,
  cut,
  ownClient,
  type OwnClientOptions,
  sendQuery,
} from './connection-options.js';
import { sessionSettings, setAll } from './own-session.js';

export interface ListenOptions extends Omit<OwnClientOptions, 'purpose'> {
  readonly connection: ConnectionOptions;
  /** As operators see it. */
  readonly worker: string;
}

/** A connection that only listens; a pooled one would be reset or given to other code. */
export class ListenConnection {
  private constructor(
    private readonly client: pg.Client,
    private readonly deadlineMs: number,
  ) {}

  /**
   * Connects and listens.
   * @param onClosed is called when the connection is gone, whoever closed it
   */
  static async open(
    { connection, worker, deadlineMs, transactionPooling }: ListenOptions,
    channel: string,
    onMessage: (payload: string) => void,
    onClosed: (error: Error) => void,
  ): Promise<ListenConnection> {
    const purpose = { role: 'listen', worker };
    const client = ownClient(connection, { purpose, deadlineMs, transactionPooling });
    client.on('notification', ({ payload }) => onMessage(payload ?? ''));
    client.on('error', onClosed);
    client.on('end', () => onClosed(new Error('the listening connection has ended')));
    const opened = new ListenConnection(client, deadlineMs);
    try {
      await new Promise<void>((resolve, reject) =>
        client.connect((error: Error | null) => (error ? reject(error) : resolve())),
      );
      if (!transactionPooling) {
        await sendQuery(client, { text: setAll(sessionSettings({ deadlineMs }), false) }, deadlineMs);
      }
      await sendQuery(client, { text: `LISTEN ${pg.escapeIdentifier(channel)}` }, deadlineMs);
      return opened;
    } catch (error) {
      await opened.close();
      throw error;
    }
  }

  /** Rejects when the server does not respond. */
  async probe(): Promise<void> {
    await sendQuery(this.client, { text: 'SELECT 1' }, this.deadlineMs);
  }

  /** Never rejects, and does not wait for a server that is silent. */
  async close(): Promise<void> {
    const timer = setTimeout(() => cut(this.client), 500);
    try {
      await this.client.end();
    } catch {
      // It is gone already.
    } finally {
      clearTimeout(timer);
    }
  }
}
