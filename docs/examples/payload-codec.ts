// #region codec
import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import type { EncodedPayloadInfo, PayloadCodec } from 'nestjs-pgqueue';

/** AES-256-GCM. New payloads are encrypted by `current`; keys stay until no stored task needs them. */
export class EncryptedPayloads implements PayloadCodec {
  constructor(
    private readonly keys: ReadonlyMap<string, Buffer>,
    private readonly current: string,
  ) {}

  encode(json: string, info: EncodedPayloadInfo): string {
    const iv = randomBytes(12);
    const cipher = createCipheriv('aes-256-gcm', this.key(this.current), iv).setAAD(boundTo(info));
    const text = Buffer.concat([cipher.update(json, 'utf8'), cipher.final()]);
    return [this.current, ...[iv, cipher.getAuthTag(), text].map((part) => part.toString('base64'))].join(
      '.',
    );
  }

  decode(encoded: string, info: EncodedPayloadInfo): string {
    const [id, ...parts] = encoded.split('.');
    const [iv, tag, text] = parts.map((part) => Buffer.from(part, 'base64'));
    const options = { authTagLength: 16 };
    const decipher = createDecipheriv('aes-256-gcm', this.key(id!), iv!, options).setAAD(boundTo(info));
    return decipher.setAuthTag(tag!).update(text!, undefined, 'utf8') + decipher.final('utf8');
  }

  private key(id: string): Buffer {
    const key = this.keys.get(id);
    if (!key) {
      throw new Error(`there is no key ${id}`);
    }
    return key;
  }
}

/** A payload that was moved to another kind or key does not decrypt. */
function boundTo({ kind, externalKey }: EncodedPayloadInfo): Buffer {
  return Buffer.from(JSON.stringify([kind, externalKey]));
}
// #endregion
