import { request } from 'node:http';
import { createGunzip } from 'node:zlib';
import { until } from './until.js';

export interface StreamEvent {
  readonly name: string;
  readonly data: any;
}

/** A viewer of server-sent events. */
export interface EventStream {
  readonly status: number;
  readonly headers: Record<string, unknown>;
  /** Those that have come. */
  readonly events: readonly StreamEvent[];
  /** How many comments have come. */
  readonly comments: () => number;
  /** The next event of this name, of those that come from now on. */
  next(name: string): Promise<StreamEvent>;
  /** Settles when the server has ended it. */
  readonly ended: Promise<void>;
  leave(): void;
}

export function openEventStream(url: string, headers: Record<string, string> = {}): Promise<EventStream> {
  return new Promise((resolve, reject) => {
    const call = request(url, { headers, agent: false }, (response) => {
      const events: StreamEvent[] = [];
      let comments = 0;
      let rest = '';
      const zipped = response.headers['content-encoding'] === 'gzip';
      const stream = zipped ? response.pipe(createGunzip()) : response;
      stream.setEncoding('utf8').on('data', (text: string) => {
        const parts = (rest + text).split('\n\n');
        rest = parts.pop()!;
        for (const part of parts) {
          const [, name, data] = /^event: (\w+)\ndata: (.*)$/.exec(part) ?? [];
          if (name) {
            events.push({ name, data: JSON.parse(data!) });
          } else if (part.startsWith(':')) {
            comments += 1;
          }
        }
      });
      // It is cut off when the viewer leaves.
      response.on('error', () => undefined);
      resolve({
        status: response.statusCode!,
        headers: response.headers,
        events,
        comments: () => comments,
        next: (wanted) => {
          const seen = events.length;
          return until(() => events.slice(seen).find((event) => event.name === wanted));
        },
        ended: new Promise((ended) => response.once('end', ended)),
        leave: () => call.destroy(),
      });
    });
    call.on('error', reject);
    call.end();
  });
}
