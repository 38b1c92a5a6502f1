import type { IncomingMessage } from 'node:http';
import {
  BadRequestException,
  PayloadTooLargeException,
  RequestTimeoutException,
  UnsupportedMediaTypeException,
} from '@nestjs/common';
import { inTime } from '../timing/timeout.js';
import { NoAnswerError } from '../errors/pg-queue.errors.js';

const LONGEST = 64 * 1024;
/** How long a client may take to send the body. */
const PATIENCE_MS = 10_000;

/** The body of a request, or the error of reading it, which only a visitor with access may see. */
export interface Body {
  /** @throws HttpException */
  read(): unknown;
}

/** Reads the body of a POST request before `authorize` is called, whatever parsers the application has. */
export async function readBody(request: IncomingMessage & { body?: unknown }): Promise<Body> {
  const isRead = request.method === 'POST';
  const [reading] = await Promise.allSettled([isRead ? inTime(PATIENCE_MS, readJson(request)) : undefined]);
  request.body = reading.status === 'fulfilled' ? reading.value : undefined;
  return {
    read: () => {
      if (reading.status === 'fulfilled') {
        return reading.value;
      }
      throw reading.reason instanceof NoAnswerError
        ? new RequestTimeoutException('The body did not come in time')
        : reading.reason;
    },
  };
}

/**
 * The body as JSON; a parser of the application may have read it before.
 * @throws HttpException for a body that is no JSON, or too long
 */
async function readJson(request: IncomingMessage & { body?: unknown }): Promise<unknown> {
  const { headers } = request;
  if (!/^application\/json\s*(;|$)/i.test(headers['content-type'] ?? '')) {
    throw new UnsupportedMediaTypeException('The body must be JSON');
  }
  assertShort(Number(headers['content-length'] ?? 0));
  if (request.body !== undefined) {
    return request.body;
  }
  const text = await read(request);
  try {
    return JSON.parse(text);
  } catch {
    throw new BadRequestException('The body must be JSON');
  }
}

/** Reads to the end, so that the client reads the response; drops what is too long. */
async function read(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length <= LONGEST) {
      chunks.push(chunk);
    }
  }
  assertShort(length);
  return Buffer.concat(chunks).toString();
}

function assertShort(length: number): void {
  if (length > LONGEST) {
    throw new PayloadTooLargeException(`The body must be at most ${LONGEST} bytes`);
  }
}
