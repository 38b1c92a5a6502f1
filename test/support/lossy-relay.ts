import net from 'node:net';

export interface LossyRelay {
  /** The server's address, through the relay. */
  readonly url: string;
  /**
   * The server gets the next message that fits, and nobody hears what it answers: the connection is cut instead.
   * @param answer what is said before that in the server's place
   * @returns resolves when it has happened
   */
  lose(fits: (message: string) => boolean, answer?: Buffer): Promise<void>;
  close(): void;
}

/** An error as a pooler writes it: without the function of the server that raised it. */
export function errorMessageOf(code: string): Buffer {
  const fields = ['SFATAL', 'VFATAL', `C${code}`, 'Mserver closed the connection'].map(
    (field) => `${field}\0`,
  );
  const body = Buffer.from(`${fields.join('')}\0`);
  const head = Buffer.alloc(5);
  head.write('E');
  head.writeInt32BE(4 + body.length, 1);
  return Buffer.concat([head, body]);
}

/** Stands between an application and the server, and passes everything on until it is told to lose something. */
export async function startLossyRelay(url: string): Promise<LossyRelay> {
  const { port } = new URL(url);
  const sockets = new Set<net.Socket>();
  let loss: { fits: (message: string) => boolean; answer?: Buffer; lost: () => void } | undefined;
  const relay = net.createServer((client) => {
    const server = net.connect(Number(port), '127.0.0.1');
    let losing: typeof loss;
    client.on('data', (chunk) => {
      if (loss?.fits(chunk.toString('utf8'))) {
        losing = loss;
        loss = undefined;
      }
      server.write(chunk);
    });
    server.on('data', (chunk) => {
      if (!losing) {
        client.write(chunk);
        return;
      }
      client.end(losing.answer ?? '');
      server.destroy();
      losing.lost();
    });
    for (const socket of [client, server]) {
      sockets.add(socket);
      socket
        .on('error', () => undefined)
        .on('close', () => {
          sockets.delete(socket);
          server.destroy();
          client.destroySoon();
        });
    }
  });
  await new Promise<void>((resolve) => relay.listen(0, '127.0.0.1', resolve));
  const through = new URL(url);
  through.port = String((relay.address() as net.AddressInfo).port);
  return {
    url: through.href,
    lose: (fits, answer) =>
      new Promise((resolve) => {
        loss = { fits, answer, lost: resolve };
      }),
    close: () => {
      relay.close();
      sockets.forEach((socket) => socket.destroy());
    },
  };
}
