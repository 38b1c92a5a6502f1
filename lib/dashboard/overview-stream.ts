import { type IncomingMessage, ServerResponse } from 'node:http';
import { type BeforeApplicationShutdown, ServiceUnavailableException } from '@nestjs/common';
import { acceptsGzip } from './answer.js';
import type { AccessGuard } from './access-guard.js';
import { GzipFrame, StreamText } from './overview-event.js';
import type { OverviewFeed } from './overview-feed.js';
import type { Visitor } from './visitor.js';

/** Tells the browser to reconnect after 2 s when its stream has ended. */
const RECONNECT = new StreamText('retry: 2000\n\n');
const COMMENT = new StreamText(':\n\n');

/** The most streams at the same time; the pages of further visitors poll every few seconds, and share one read. */
const MOST_STREAMS = 200;

/** Sends the overview as server-sent events to each viewer who stays and has access, until the application shuts down. */
export class OverviewStream implements BeforeApplicationShutdown {
  private readonly endings = new Set<() => void>();
  private closed = false;

  constructor(
    private readonly feed: OverviewFeed,
    private readonly guard: AccessGuard,
    /** How often the stream checks that a viewer is connected and still has access. */
    private readonly heartbeatMs: number,
    private readonly mostStreams = MOST_STREAMS,
  ) {}

  /** @throws ServiceUnavailableException once the application shuts down, and when too many watch. */
  open(request: IncomingMessage, response: ServerResponse, visitor: Visitor): void {
    if (this.closed) {
      throw new ServiceUnavailableException('The application shuts down');
    }
    if (response.destroyed) {
      return; // the visitor left during `authorize`, and no `close` event will follow
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
      // The headers were sent: those that `authorize` sets now have no effect.
      this.guard.admit(request, new ServerResponse(request)).then((now) => {
        if (!this.endings.has(end)) {
          return;
        }
        if (!isSame(visitor, now)) {
          end(); // the browser reconnects with the access that the visitor has now
          return;
        }
        stream.send(COMMENT);
        heartbeat = setTimeout(beat, this.heartbeatMs);
      }, end);
    };
    heartbeat = setTimeout(beat, this.heartbeatMs);
    this.endings.add(end);
    response.once('close', end);
    // A write fails when the connection has just been closed.
    response.on('error', end);
  }

  /** An open stream would delay the end of the server. */
  beforeApplicationShutdown(): void {
    this.closed = true;
    this.endings.forEach((end) => end());
  }
}

/** Compares what the visitor may see; what the visitor may change is checked at each change. */
function isSame(before: Visitor, now: Visitor): boolean {
  return [...(before.kinds ?? ['all'])].join() === [...(now.kinds ?? ['all'])].join();
}

function startStream(request: IncomingMessage, response: ServerResponse) {
  response.statusCode = 200;
  response.setHeader('Content-Type', 'text/event-stream; charset=utf-8');
  // Proxies and middleware must pass each event on at once.
  response.setHeader('Cache-Control', 'no-store, no-transform');
  response.setHeader('X-Accel-Buffering', 'no');
  response.shouldKeepAlive = false;
  const stream = acceptsGzip(request) ? packed(response) : plain(response);
  response.flushHeaders();
  stream.send(RECONNECT);
  return stream;
}

/** A viewer who reads too slowly misses events; each event has the whole overview. */
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
