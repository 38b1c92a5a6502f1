import { type IncomingMessage, ServerResponse } from 'node:http';
import { type BeforeApplicationShutdown, ServiceUnavailableException } from '@nestjs/common';
import { acceptsGzip } from './answer.js';
import type { AccessGuard } from './access-guard.js';
import { GzipFrame, StreamText } from './overview-event.js';
import type { OverviewFeed } from './overview-feed.js';
import type { Visitor } from './visitor.js';

/** How soon a browser comes back when its stream has ended. */
const COME_BACK = new StreamText('retry: 2000\n\n');
const COMMENT = new StreamText(':\n\n');

/** More are turned away: their pages ask every few seconds, and share the answer. */
export const MOST_STREAMS = 200;

/** The overview as server-sent events, to each viewer for as long as he stays, may look, and the application runs. */
export class OverviewStream implements BeforeApplicationShutdown {
  private readonly endings = new Set<() => void>();
  private closed = false;

  constructor(
    private readonly feed: OverviewFeed,
    private readonly doorkeeper: AccessGuard,
    /** How often a viewer is asked whether he is there and may be. */
    private readonly heartbeatMs: number,
    private readonly mostStreams = MOST_STREAMS,
  ) {}

  /** @throws ServiceUnavailableException once the application shuts down, and when too many watch. */
  open(request: IncomingMessage, response: ServerResponse, visitor: Visitor): void {
    if (this.closed) {
      throw new ServiceUnavailableException('The application shuts down');
    }
    if (response.destroyed) {
      return; // he has left while he was asked who he is, and his end will not be told again
    }
    if (this.endings.size >= this.mostStreams) {
      throw new ServiceUnavailableException('Too many watch the overview at the moment');
    }
    const stream = startStream(request, response);
    const leave = this.feed.watch({ visitor, send: stream.send });
    let heartbeat: NodeJS.Timeout;
    const end = () => {
      this.endings.delete(end);
      clearTimeout(heartbeat);
      leave();
      stream.end();
    };
    const beat = () => {
      // The headers are sent: those that `authorize` sets now go nowhere.
      this.doorkeeper.admit(request, new ServerResponse(request)).then((now) => {
        if (!this.endings.has(end)) {
          return;
        }
        if (!isSame(visitor, now)) {
          end(); // the browser comes back as who he is now
          return;
        }
        stream.send(COMMENT);
        heartbeat = setTimeout(beat, this.heartbeatMs);
      }, end);
    };
    heartbeat = setTimeout(beat, this.heartbeatMs);
    this.endings.add(end);
    response.once('close', end);
    // A write to a connection that has just gone.
    response.on('error', end);
  }

  /** An open stream would hold up the end of the server. */
  beforeApplicationShutdown(): void {
    this.closed = true;
    this.endings.forEach((end) => end());
  }
}

/** What he may see: what he may do is asked again when he does it. */
function isSame(before: Visitor, now: Visitor): boolean {
  return [...(before.kinds ?? ['all'])].join() === [...(now.kinds ?? ['all'])].join();
}

function startStream(request: IncomingMessage, response: ServerResponse) {
  response.statusCode = 200;
  response.setHeader('Content-Type', 'text/event-stream; charset=utf-8');
  // No proxy, and no middleware, may wait for more before it passes an event on.
  response.setHeader('Cache-Control', 'no-store, no-transform');
  response.setHeader('X-Accel-Buffering', 'no');
  response.shouldKeepAlive = false;
  const stream = acceptsGzip(request) ? packed(response) : plain(response);
  response.flushHeaders();
  stream.send(COME_BACK);
  return stream;
}

/** Who reads too slowly misses events; the next one that he gets tells all. */
function plain(response: ServerResponse) {
  return {
    send: ({ text }: StreamText) => void (response.writableNeedDrain || response.write(text)),
    end: () => void response.end(),
  };
}

function packed(response: ServerResponse) {
  response.setHeader('Content-Encoding', 'gzip');
  const frame = new GzipFrame();
  let started = false;
  let sending = Promise.resolve();
  const send = async (event: StreamText) => {
    const blocks = await event.packed();
    if (response.writableNeedDrain || response.writableEnded || response.destroyed) {
      return;
    }
    frame.add(event);
    response.write(started ? blocks : Buffer.concat([frame.header, blocks]));
    started = true;
  };
  return {
    send: (event: StreamText) => {
      sending = sending.then(() => send(event));
    },
    end: () => void sending.then(() => response.end(started ? frame.end() : undefined)),
  };
}
