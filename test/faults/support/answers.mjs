/** Answers of a server that are lost, late, or replaced by an error of a pooler, though the statement was executed. */

/**
 * @typedef {'cut' | 'mute' | 'late' | 'wrong'} Spoiling
 *   cut: the connection is reset in place of the answer; mute: it never comes; late: it comes later; wrong: a pooler's error comes
 *
 * @typedef {object} Spoiled
 * @property {Spoiling} how
 * @property {number} [lateMs]
 * @property {string} [code] of the error
 * @property {() => void} [onSpoiled] the server has executed the statement, and this is what becomes of its answer
 */

/** What a request is, by what it begins with. Those of the queue name what the server has prepared. */
const REQUESTS = {
  claim: /pgqueue_claim/,
  outcome: /pgqueue_(settle|begin)/,
  heartbeat: /pgqueue_(heartbeat|acquire|hold)\b/,
  push: /INSERT INTO [\w".]*pgqueue\b/,
  commit: /^Q....COMMIT/s,
  any: /^[PBQ]/,
};
/** @typedef {keyof typeof REQUESTS} Request */

const BEGINNING = 300;
const READY = 'Z'.charCodeAt(0);
const PARSE = 'P'.charCodeAt(0);
const HEADER = 5;

/**
 * @param {Buffer} chunk of what a client sent
 * @param {Request} request
 */
export function isRequest(chunk, request) {
  return REQUESTS[request].test(chunk.toString('latin1', 0, BEGINNING));
}

/** Prepares a statement: its connection can't be used after an error that the server knows nothing of. @param {Buffer} chunk */
export function prepares(chunk) {
  return chunk[0] === PARSE;
}

/** Gathers one answer, which ends where the server says that it is ready for the next statement. */
export class Answer {
  #bytes = Buffer.alloc(0);
  #at = 0;

  /**
   * @param {Buffer} chunk
   * @returns {boolean} whether it is complete
   */
  add(chunk) {
    this.#bytes = Buffer.concat([this.#bytes, chunk]);
    while (this.#at + HEADER <= this.#bytes.length) {
      const end = this.#at + 1 + this.#bytes.readInt32BE(this.#at + 1);
      if (this.#bytes[this.#at] === READY && this.#bytes.length >= end) return true;
      this.#at = end;
    }
    return false;
  }

  get bytes() {
    return this.#bytes;
  }

  /** Whether the server has left the transaction: what was to be committed is. */
  get isIdle() {
    return this.#bytes.at(-1) === 'I'.charCodeAt(0);
  }
}

/** @param {string} code */
export function errorOf(code) {
  return message('E', `SERROR\0VERROR\0C${code}\0Mserver connection crashed\0\0`);
}

/** After which the client may send the next statement. */
export function readyForQuery() {
  return message('Z', 'I');
}

/**
 * @param {string} type
 * @param {string} body
 */
function message(type, body) {
  const head = Buffer.alloc(HEADER);
  head.write(type);
  head.writeInt32BE(HEADER - 1 + Buffer.byteLength(body), 1);
  return Buffer.concat([head, Buffer.from(body)]);
}
