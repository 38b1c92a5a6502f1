import {
  type CallHandler,
  type ExecutionContext,
  Injectable,
  type NestInterceptor,
  Scope,
  UseFilters,
  UseGuards,
  UseInterceptors,
} from '@nestjs/common';
import { APP_FILTER, APP_GUARD, APP_INTERCEPTOR } from '@nestjs/core';
import { map } from 'rxjs';
import { afterEach, describe, expect } from 'vitest';
import { type HandlerEnhancers, PG_QUEUE_CONTEXT, type Task, TaskHandler } from '../../lib/index.js';
import { databasePerFile, type OpenApp, type Recipe, until } from '../support/index.js';
import {
  Answering,
  Decorated,
  Denying,
  lines,
  Looking,
  OfApplication,
  PerHost,
  PerRequest,
  Plain,
  Words,
  WORK,
} from './enhancing-classes.js';

const { it, openApp } = databasePerFile({});

describe('enhancers of handlers', () => {
  let app: OpenApp;

  afterEach(() => {
    lines.length = 0;
  });

  /** Runs one task to its end. @returns its status. */
  async function run(
    providers: NonNullable<Recipe['providers']>,
    payload = 'x',
    enhancers: HandlerEnhancers = {},
  ): Promise<string> {
    app = await openApp({ providers: [Words, ...providers], options: { enhancers } });
    const { id } = await app.queue.pushTask({ kind: WORK, payload });
    const ended = await until(async () => {
      const [task] = await app.stored(`id = ${id} AND status <> 'new'`);
      return task;
    });
    return ended.status;
  }

  it.each([
    ['a class', Decorated],
    ['a class under another token', { provide: 'WORKER', useClass: Decorated }],
  ])(
    'are its interceptors, of the method and of the class, with their dependencies: %s',
    async (_, provider) => {
      expect(await run([provider])).toBe('succeeded');
      expect(lines).toEqual([
        'OfClass before pg-queue Decorated.work worker x',
        'OfMethod before pg-queue Decorated.work worker x',
        'handler x',
        'OfMethod after answer',
        'OfClass after answer',
      ]);
      expect(PG_QUEUE_CONTEXT).toBe('pg-queue');
    },
  );

  it('are the interceptors of the application, around those of the handler', async () => {
    await run([Decorated, { provide: APP_INTERCEPTOR, useClass: OfApplication }]);
    expect(lines[0]).toBe('OfApplication before pg-queue Decorated.work worker x');
    expect(lines.at(-1)).toBe('OfApplication after answer');
    expect(lines).toHaveLength(7);
  });

  it.each([
    ['shared', Plain],
    ['request-scoped', Scoped()],
  ])('are interceptors of the application that are request-scoped: %s', async (_, provider) => {
    await run([provider, { provide: APP_INTERCEPTOR, scope: Scope.REQUEST, useClass: PerRequest }]);
    expect(lines).toEqual([
      'before same task: true',
      expect.stringMatching(/^PerRequest before pg-queue \w+\.work undefined x$/),
      'handler x',
      'PerRequest after undefined',
    ]);
  });

  it('are interceptors of a handler that are request-scoped or transient', async () => {
    class Scopes {
      @UseInterceptors(PerRequest, PerHost)
      @TaskHandler(WORK)
      work({ payload }: Task<string>) {
        lines.push(`handler ${payload}`);
      }
    }
    expect(await run([Scopes])).toBe('succeeded');
    expect(lines).toEqual([
      'before same task: true',
      'PerRequest before pg-queue Scopes.work undefined x',
      'PerHost before pg-queue Scopes.work undefined x',
      'handler x',
      'PerHost after undefined',
      'PerRequest after undefined',
    ]);
  });

  it('are transient interceptors of a handler that is shared', async () => {
    class Host {
      @UseInterceptors(PerHost)
      @TaskHandler(WORK)
      work({ payload }: Task<string>) {
        lines.push(`handler ${payload}`);
      }
    }
    await run([Host]);
    expect(lines[0]).toBe('PerHost before pg-queue Host.work undefined x');
  });

  it('may change what a handler gets and how it ends', async () => {
    class Failing implements NestInterceptor {
      intercept(_: ExecutionContext, next: CallHandler) {
        return next.handle().pipe(
          map(() => {
            throw new Error('the interceptor objects');
          }),
        );
      }
    }
    expect(await run([Plain, { provide: APP_INTERCEPTOR, useClass: Failing }])).toBe('no_attempts_left');
    const [task] = await app.stored(`messages IS NOT NULL`);
    expect(task!.messages).toEqual(['the interceptor objects']);
    expect(lines).toEqual(['handler x']);
  });

  it('are no interceptors when the module says so', async () => {
    await run([Decorated, { provide: APP_INTERCEPTOR, useClass: OfApplication }], 'x', {
      interceptors: false,
    });
    expect(lines).toEqual(['handler x']);
  });

  const GUARDS = { provide: APP_GUARD, useClass: Denying };
  const FILTERS = { provide: APP_FILTER, useClass: Answering };

  it('are no guards unless the module says so', async () => {
    class Guarded extends Plain {}
    UseGuards(Denying)(Guarded);
    expect(await run([Guarded, GUARDS])).toBe('succeeded');
    expect(lines).toEqual(['handler x']);
  });

  it('are guards when the module says so: a refusal is a failure', async () => {
    expect(await run([Plain, GUARDS], 'x', { guards: true })).toBe('no_attempts_left');
    expect(lines).toEqual(['guard true']);
  });

  it('are no filters unless the module says so: a failure stays one', async () => {
    class Filtered extends Plain {}
    UseFilters(Answering)(Filtered);
    expect(await run([Filtered, FILTERS], 'fail')).toBe('no_attempts_left');
    expect(lines).toEqual(['handler fail']);
  });

  it.each([
    ['what they answer has succeeded', Answering, 'succeeded'],
    ['what they only look at has failed', Looking, 'no_attempts_left'],
  ])('are filters when the module says so: %s', async (_, useClass, status) => {
    expect(await run([Plain, { provide: APP_FILTER, useClass }], 'fail', { filters: true })).toBe(status);
    expect(lines).toEqual(['handler fail', 'filter pg-queue failed']);
  });
});

function Scoped() {
  @Injectable({ scope: Scope.REQUEST })
  class ScopedPlain extends Plain {}
  return ScopedPlain;
}
