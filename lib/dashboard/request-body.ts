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
/** A visitor who has not sent it by then keeps a connection for nothing. */
const PATIENCE_MS = 10_000;

/** What a request carries, or why it can't be read: who is not let in is told neither. */
export interface Body {
  /** @throws HttpException */
  read(): unknown;
}

/** Reads what a POST request carries, so that `authorize` sees it, whatever the application's server does by itself. */
export async function readBody(request: IncomingMessage & { body?: unknown }): Promise<Body> {
  if (request.method !== 'POST') {
    request.body = undefined;
    return { read: () => undefined };
  }
  try {
    const body = await inTime(PATIENCE_MS, readJson(request));
    request.body = body;
    return { read: () => body };
  } catch (error) {
    request.body = undefined;
    return {
      read: () => {
        throw error instanceof NoAnswerError
          ? new RequestTimeoutException('The body did not come in time')
          : error;
      },
    };
  }
}

/**
 * What a request carries as JSON, whether a parser of the application has read it or nobody has.
 * @throws HttpException when it is something else, or too long
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

/** To its end, so that the answer is heard; what is too much of it is not kept. */
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
