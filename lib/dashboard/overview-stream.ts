import { type IncomingMessage, ServerResponse } from 'node:http';
import { pipeline, type Writable } from 'node:stream';
import { constants, createGzip } from 'node:zlib';
import { type BeforeApplicationShutdown, ServiceUnavailableException } from '@nestjs/common';
import { acceptsGzip } from './answer.js';
import type { Doorkeeper } from './doorkeeper.js';
import type { OverviewFeed } from './overview-feed.js';

/** How soon a browser comes back when its stream has ended. */
const COME_BACK_MS = 2000;

/** The overview as server-sent events, to each viewer for as long as he stays, may look, and the application runs. */
export class OverviewStream implements BeforeApplicationShutdown {
  private readonly endings = new Set<() => void>();
  private closed = false;

  constructor(
    private readonly feed: OverviewFeed,
    private readonly doorkeeper: Doorkeeper,
    /** How often a viewer is asked whether he is there and may be. */
    private readonly heartbeatMs: number,
  ) {}

  /** @throws ServiceUnavailableException once the application shuts down. */
  open(request: IncomingMessage, response: ServerResponse): void {
    if (this.closed) {
      throw new ServiceUnavailableException('The application shuts down');
    }
    if (response.destroyed) {
      return; // he has left while he was asked who he is, and his end will not be told again
    }
    const stream = startStream(request, response);
    // Who reads too slowly misses events; the next one that he gets tells all.
    const send = (text: string) => void (stream.writableNeedDrain || stream.write(text));
    const leave = this.feed.watch(send);
    const end = () => {
      this.endings.delete(end);
      clearInterval(heartbeat);
      leave();
      stream.end();
    };
    const heartbeat = setInterval(() => {
      // The headers are sent: those that `authorize` sets now go nowhere.
      this.doorkeeper.admit(request, new ServerResponse(request)).then(() => send(':\n\n'), end);
    }, this.heartbeatMs);
    this.endings.add(end);
    response.once('close', end);
    // A write to a connection that has just gone.
    stream.on('error', end);
  }

  /** An open stream would hold up the end of the server. */
  beforeApplicationShutdown(): void {
    this.closed = true;
    this.endings.forEach((end) => end());
  }
}

function startStream(request: IncomingMessage, response: ServerResponse): Writable {
  response.statusCode = 200;
  response.setHeader('Content-Type', 'text/event-stream; charset=utf-8');
  // No proxy, and no middleware, may wait for more before it passes an event on.
  response.setHeader('Cache-Control', 'no-store, no-transform');
  response.setHeader('X-Accel-Buffering', 'no');
  response.shouldKeepAlive = false;
  const stream = acceptsGzip(request) ? zipped(response) : response;
  response.flushHeaders();
  stream.write(`retry: ${COME_BACK_MS}\n\n`);
  return stream;
}

/** Overviews differ little from one to the next: a tenth of the bytes are left. */
function zipped(response: ServerResponse): Writable {
  response.setHeader('Content-Encoding', 'gzip');
  const stream = createGzip({ flush: constants.Z_SYNC_FLUSH });
  // What breaks is the viewer's connection.
  pipeline(stream, response, () => undefined);
  return stream;
}
