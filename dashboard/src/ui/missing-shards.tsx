import type { Missing } from '../api.js';
import { asSentence } from '../format.js';

/** Names the shards that are missing on the page. */
export function MissingShards({ missing = [] }: { missing?: Missing | undefined }) {
  return missing.length === 0 ? null : (
    <ul class="notice notice-bad missing" role="alert">
      {missing.map(({ shard, message }) => (
        <li key={shard}>
          Without shard <b>{shard}</b>: {asSentence(message)}
        </li>
      ))}
    </ul>
  );
}
