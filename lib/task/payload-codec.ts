import { errorMessage } from '../errors/error-message.js';
import { TaskPayloadError } from '../errors/pg-queue.errors.js';

/** Of which task a payload is; the same at push and before the handler, so that it can be authenticated with the payload. */
export interface EncodedPayloadInfo {
  readonly kind: number;
  readonly externalKey: string | null;
}

/** Changes how payloads are stored, for example encrypted or compressed; either may be asynchronous. */
export interface PayloadCodec {
  /** Returns the text that is stored instead of the payload's JSON. */
  encode(json: string, info: EncodedPayloadInfo): string | Promise<string>;
  /** Returns the payload's JSON of a stored text. An error that it throws fails the attempt. */
  decode(encoded: string, info: EncodedPayloadInfo): string | Promise<string>;
}

/** The only field of a stored payload that is encoded. */
const FIELD = 'pgqueue.encoded';
const START = `{"${FIELD}":`;

/** Whether a plain payload would be taken for an encoded one. */
export function looksEncoded(json: string): boolean {
  return json.startsWith(START);
}

/** @throws TaskPayloadError when the codec fails */
export async function encodePayload(
  codec: PayloadCodec,
  json: string,
  info: EncodedPayloadInfo,
): Promise<string> {
  let encoded: unknown;
  try {
    encoded = await codec.encode(json, info);
  } catch (error) {
    throw new TaskPayloadError(`kind ${info.kind}: encoding the payload failed (${errorMessage(error)})`);
  }
  if (typeof encoded !== 'string') {
    throw new TaskPayloadError(`kind ${info.kind}: codec.encode must return a string`);
  }
  return `${START}${JSON.stringify(encoded)}}`;
}

/** The encoded text of a stored payload; undefined for a plain one. */
export function encodedText(stored: unknown): string | undefined {
  if (typeof stored !== 'object' || stored === null || !(FIELD in stored) || Object.keys(stored).length > 1) {
    return undefined;
  }
  const text = stored[FIELD];
  return typeof text === 'string' ? text : undefined;
}

/**
 * The payload of an encoded text.
 * @throws TaskPayloadError where there is no codec, and when it fails
 */
export async function decodePayload(
  codec: PayloadCodec | undefined,
  encoded: string,
  info: EncodedPayloadInfo,
): Promise<unknown> {
  if (!codec) {
    throw new TaskPayloadError('the stored payload is encoded, and this process has no codec for its kind');
  }
  let json: string;
  try {
    json = await codec.decode(encoded, info);
  } catch (error) {
    throw new TaskPayloadError(`the stored payload could not be decoded (${errorMessage(error)})`);
  }
  try {
    return JSON.parse(json);
  } catch {
    // The parser's own text quotes what it read.
    throw new TaskPayloadError('the stored payload was decoded to a text that is no JSON');
  }
}
