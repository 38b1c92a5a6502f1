import { randomBytes } from 'node:crypto';

/**
 * Numbers for claims, none of which any other process, server, dump or restart ever has: counted up from 52 random bits. A counter in
 * the row, or a sequence, would come again after a restore.
 */
export class ClaimNumbers {
  private last = Number(randomBytes(8).readBigUInt64BE() >> 12n);

  next(): number {
    return ++this.last;
  }
}
