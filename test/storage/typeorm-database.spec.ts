import net from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { rejectionOf } from '../support/index.js';
import { cannotRunOver } from '../support/over.js';
import { createQueueApp } from '../support/queue-app.js';
import { createTestDatabase, type TestDatabase } from '../support/test-database.js';

describe.skipIf(cannotRunOver({ pg: "no DataSource is the queue's" }))('TypeOrmDatabase', () => {
  let database: TestDatabase;

  beforeAll(async () => {
    database = await createTestDatabase();
  });
  afterAll(() => database.drop());

  it('H11: a connection that the server ends in the moment in which it is ready does not end the process', async () => {
    const url = new URL(database.url);
    const server = await startHostileServer(Number(url.port));
    url.port = String(server.port);
    // The queue's own connections hide nothing here: it has no handlers.
    const app = await createQueueApp({ url: url.href, typeorm: { poolErrorHandler: () => undefined } });
    const uncaught: unknown[] = [];
    const listener = (error: unknown) => uncaught.push(error);
    const others = process.listeners('uncaughtException');
    process.removeAllListeners('uncaughtException').on('uncaughtException', listener);
    try {
      server.turn(true);
      for (let tries = 0; tries < 5; tries++) {
        await rejectionOf(app.dataSource.query('SELECT 1'));
      }
      server.turn(false);
      expect(await app.dataSource.query('SELECT 1 AS one')).toEqual([{ one: 1 }]);
    } finally {
      process.removeListener('uncaughtException', listener);
      others.forEach((other) => process.on('uncaughtException', other));
      await app.close();
      server.close();
    }
    expect(uncaught).toEqual([]);
  });
});

/** What a server that is told to shut down says, before it closes the connection. */
function fatal(): Buffer {
  const fields = 'SFATAL\0VFATAL\0C57P01\0Mterminating connection due to administrator command\0\0';
  const message = Buffer.alloc(5 + fields.length);
  message.write('E', 0);
  message.writeInt32BE(4 + fields.length, 1);
  message.write(fields, 5);
  return message;
}

/** Passes everything on; while it is hostile it ends each new connection in the moment in which it is ready. */
async function startHostileServer(port: number) {
  const state = { port: 0, turn: (_hostile: boolean) => undefined as void, close: () => undefined as void };
  const sockets = new Set<net.Socket>();
  let hostile = false;
  const relay = net.createServer((client) => {
    const server = net.connect(port, '127.0.0.1');
    client.on('data', (chunk) => server.write(chunk));
    server.on('data', (chunk) => {
      if (hostile && chunk.includes(READY)) {
        client.end(Buffer.concat([chunk, fatal()]));
        server.destroy();
      } else {
        client.write(chunk);
      }
    });
    for (const socket of [client, server]) {
      sockets.add(socket);
      socket
        .on('error', () => undefined)
        .on('close', () => [client, server].forEach((each) => each.destroy()));
    }
  });
  await new Promise<void>((resolve) => relay.listen(0, '127.0.0.1', resolve));
  state.port = (relay.address() as net.AddressInfo).port;
  state.turn = (now) => {
    hostile = now;
    sockets.forEach((socket) => socket.destroy());
  };
  state.close = () => {
    state.turn(false);
    relay.close();
  };
  return state;
}

/** A ready-for-query message of an idle session, which ends the start of a connection. */
const READY = Buffer.from('Z\0\0\0\x05I');
