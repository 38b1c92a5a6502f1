import type { QueueDatabase } from '../queue-database.js';
import { BackgroundLoop } from '../../timing/background-loop.js';
import { retryDelay } from '../../timing/retry-delay.js';

/**
 * Waits for a database that could not be reached when processing began.
 * @param onOpen begins to process there; when it throws, the database is checked again
 * @returns the loop that checks the database; once it is stopped, `onOpen` is not called any more
 */
export function openLater(source: QueueDatabase, onOpen: () => void): BackgroundLoop {
  const loop = new BackgroundLoop({
    turn: async () => {
      await source.checkOnOwnConnection('work');
      if (!loop.isStopped) {
        onOpen();
        source.events.emit({ type: 'connection-restored', role: 'claim' });
      }
    },
    onError: (error) => {
      if (!loop.isStopped) {
        source.events.emit({ type: 'connection-failed', role: 'claim', error });
      }
    },
  });
  loop.start(retryDelay(1));
  return loop;
}
