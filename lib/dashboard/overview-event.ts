import { promisify } from 'node:util';
import { constants, crc32, deflateRaw } from 'node:zlib';

/** What is the same for all viewers: written once, and compressed once. */
export class StreamText {
  readonly text: Buffer;
  private packing: Promise<Buffer> | undefined;

  constructor(text: string) {
    this.text = Buffer.from(text);
  }

  /** Whole blocks that refer to none before them, so that they can be sent to anybody, after anything. */
  packed(): Promise<Buffer> {
    this.packing ??= promisify(deflateRaw)(this.text, { finishFlush: constants.Z_SYNC_FLUSH });
    return this.packing;
  }
}

const GZIP_HEADER = Buffer.from([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255]);
/** An empty block that is the last. */
const LAST_BLOCK = Buffer.from([3, 0]);

/** What stands around the blocks of one viewer. */
export class GzipFrame {
  readonly header = GZIP_HEADER;
  private checksum = 0;
  private length = 0;

  add({ text }: StreamText): void {
    this.checksum = crc32(text, this.checksum);
    this.length = (this.length + text.length) % 2 ** 32;
  }

  end(): Buffer {
    const trailer = Buffer.alloc(8);
    trailer.writeUInt32LE(this.checksum, 0);
    trailer.writeUInt32LE(this.length, 4);
    return Buffer.concat([LAST_BLOCK, trailer]);
  }
}
