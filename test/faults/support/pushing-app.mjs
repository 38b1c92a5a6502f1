/**
 * A process of another release that migrates an empty database, creates the side tables, and pushes until it is told to stop:
 * `node pushing-app.mjs PRODUCER URL`, PRODUCER being the file of that release's producer. It then tells the ids of what was
 * acknowledged.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';

const [, , file = '', url = ''] = process.argv;
/** @type {typeof import('./producer.mjs')} */
const { Producer } = await import(pathToFileURL(file).href);
const producer = await Producer.start(url);
process.on('disconnect', () => process.exit(70));
const stop = new AbortController();
process.once('message', () => stop.abort());
process.send?.({ ready: true });
let count = 0;
while (!stop.signal.aborted) {
  const life = `${process.pid}-${++count}`;
  await producer.push(
    { do: 'ok', ms: 20, life },
    { do: 'completes', kind: 'other', life: `${life}-completes` },
    { do: 'follows', life: `${life}-follows` },
    { do: 'ok', kind: 'fleeting', life: `${life}-fleeting`, key: life },
  );
  await pause(20);
}
process.send?.({ acknowledged: [...producer.acknowledged] });
await producer.close();
process.disconnect();
