import { defineTask, type KindOptions, noJitter, type TaskDefinition } from '../../lib/index.js';

let last = 0;

/** A definition whose kind no other test of the file uses, so that tests share a database and an application. */
export function newKind<Payload = any>(options: KindOptions = {}): TaskDefinition<Payload> {
  last += 1;
  return defineTask<Payload>({
    kind: last,
    name: `kind-${last}`,
    attemptTimeout: '20s',
    backoff: noJitter(0),
    ...options,
    loop: { fetcherPeriod: 200, ...options.loop },
  });
}
