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
