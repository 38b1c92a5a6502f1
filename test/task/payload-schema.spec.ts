import type { StandardSchemaV1 } from '@standard-schema/spec';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { assertMatches, parsePayload } from '../../lib/task/payload.js';
import { InvalidTaskError, TaskPayloadError } from '../../lib/errors/pg-queue.errors.js';
import { rejectionOf } from '../support/thrown-by.js';

describe('a schema', () => {
  const schema = z.object({
    userId: z.coerce.number(),
    tags: z.array(z.object({ name: z.string() })).optional(),
  });

  it('lets a payload that fits pass, and gives the handler what it makes of it', async () => {
    await expect(assertMatches('task.payload', schema, { userId: '5' })).resolves.toBeUndefined();
    await expect(parsePayload(schema, { userId: '5', extra: 1 })).resolves.toEqual({ userId: 5 });
  });

  it('refuses at push with InvalidTaskError that names the places', async () => {
    const error = await rejectionOf(
      assertMatches('task.payload', schema, { userId: 'x', tags: [{ name: 1 }] }),
    );
    expect(error).toBeInstanceOf(InvalidTaskError);
    expect((error as Error).message).toMatch(
      /^task\.payload: does not fit its schema \(userId: .+; tags\.0\.name: .+\), got \[object Object\]$/,
    );
  });

  it('refuses before the handler with TaskPayloadError', async () => {
    const error = await rejectionOf(parsePayload(schema, null));
    expect(error).toBeInstanceOf(TaskPayloadError);
    expect((error as Error).message).toMatch(/^the stored payload does not fit its schema \(.+\)$/);
  });

  it('is not quoted where it quotes what it refuses', async () => {
    const quoting: StandardSchemaV1 = {
      '~standard': {
        version: 1,
        vendor: 'quoting',
        validate: (value) => ({
          issues: [
            {
              path: ['cards', { key: 0 }],
              message: `expected a number, received "${(value as any).cards[0]}"`,
            },
          ],
        }),
      },
    };
    for (const refused of [
      assertMatches('task.payload', quoting, { cards: ['CANARY'] }),
      parsePayload(quoting, { cards: ['CANARY'] }),
    ]) {
      const { message } = (await rejectionOf(refused)) as Error;
      expect(message).toContain('(cards.0: expected a number, received "…")');
      expect(message).not.toContain('CANARY');
    }
  });

  it('tells a few of many issues', async () => {
    const many = z.array(z.number());
    const error = await rejectionOf(
      parsePayload(
        many,
        Array.from({ length: 1000 }, () => 'x'),
      ),
    );
    expect((error as Error).message.split('; ')).toHaveLength(5);
  });
});
