import type { IncomingMessage } from 'node:http';
import { BadRequestException, PayloadTooLargeException, UnsupportedMediaTypeException } from '@nestjs/common';

const LONGEST = 64 * 1024;

/**
 * What a request carries as JSON, whether a parser of the application has read it or nobody has.
 * @throws HttpException when it is something else, or too long
 */
export async function readJsonBody(request: IncomingMessage & { body?: unknown }): Promise<unknown> {
  const { headers } = request;
  if (!/^application\/json\s*(;|$)/i.test(headers['content-type'] ?? '')) {
    throw new UnsupportedMediaTypeException('The body must be JSON');
  }
  if (Number(headers['content-length'] ?? 0) > LONGEST) {
    throw new PayloadTooLargeException(`The body must be at most ${LONGEST} bytes`);
  }
  if (request.body !== undefined) {
    return request.body;
  }
  try {
    return JSON.parse(await read(request));
  } catch {
    throw new BadRequestException(`The body must be JSON of at most ${LONGEST} bytes`);
  }
}

/** A body that does not tell its length is cut off, and its connection with it. */
async function read(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > LONGEST) {
      throw new Error('too long');
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString();
}
