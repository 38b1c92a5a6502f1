import { Controller, Injectable, Module, type ModuleMetadata } from '@nestjs/common';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { defineTask, noJitter, PgQueueModule, QueueService, TaskHandler } from '../../lib/index.js';
import { bootError, typeOrm } from '../support/nest-app.js';
import { createTestDatabase, type TestDatabase } from '../support/test-database.js';

describe('H47: handlers that are refused at boot', () => {
  let database: TestDatabase;

  beforeAll(async () => {
    database = await createTestDatabase();
  });

  afterAll(() => database.drop());

  const boot = ({ imports = [], ...metadata }: ModuleMetadata) =>
    bootError({ ...metadata, imports: [typeOrm(database.url), PgQueueModule.forRoot(), ...imports] });

  it('names both hosts of a provider in two modules', async () => {
    @Module({ providers: [Mailer] })
    class First {}
    @Module({ providers: [Mailer] })
    class Second {}
    expect(await boot({ imports: [First, Second] })).toMatchObject({
      code: 'PGQUEUE_DUPLICATE_KIND',
      message: 'kind 1 has two handlers: Mailer.send (First) and Mailer.send (Second)',
    });
  });

  it('names both handlers that a base class gives to two subclasses', async () => {
    class Base {
      @TaskHandler(A)
      run() {}
    }
    class One extends Base {}
    class Two extends Base {}
    expect((await boot({ providers: [One, Two] })).message).toMatch(
      /^kind 1 has two handlers: One\.run \(.*\) and Two\.run \(.*\)$/,
    );
  });

  it('names both kinds of one name', async () => {
    class Handlers {
      @TaskHandler(10, { ...OPTIONS, name: 'same' })
      one() {}
      @TaskHandler(11, { ...OPTIONS, name: 'same' })
      two() {}
    }
    expect(await boot({ providers: [Handlers] })).toMatchObject({
      code: 'PGQUEUE_DUPLICATE_KIND',
      message: expect.stringMatching(
        /^kinds 10 and 11 have one name, "same": Handlers\.one .* and Handlers\.two /,
      ),
    });
  });

  it('names a decorated and a registered handler of one kind', async () => {
    @Injectable()
    class Registering {
      constructor(queue: QueueService) {
        queue.registerKind(A, () => undefined);
      }
    }
    expect((await boot({ providers: [Mailer, Registering] })).message).toMatch(
      /^kind 1 has two handlers: registerKind and Mailer\.send /,
    );
  });

  it('names a controller', async () => {
    @Controller()
    class Orders {
      @TaskHandler(A)
      run() {}
    }
    expect(await boot({ controllers: [Orders] })).toMatchObject({
      code: 'PGQUEUE_UNSUPPORTED_HANDLER',
      message: expect.stringMatching(/^Orders\.run \(.*\): a controller can't have a @TaskHandler/),
    });
  });

  it.each([
    ['attemptTimeout', { backoff: noJitter('1s') }],
    ['backoff', { attemptTimeout: '1s' }],
  ])('names the kind that lacks %s', async (option, options) => {
    class Lacking {
      @TaskHandler(12, { ...options, name: 'lacking' })
      run() {}
    }
    expect((await boot({ providers: [Lacking] })).message).toBe(
      `kind 12 "lacking": ${option}: must be set in defineTask or @TaskHandler, but is missing`,
    );
  });
});

const OPTIONS = { attemptTimeout: '5s', backoff: noJitter('1s') } as const;
const A = defineTask<string>({ kind: 1, name: 'a', ...OPTIONS });

class Mailer {
  @TaskHandler(A)
  send() {}
}
