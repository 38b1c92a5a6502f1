import type { QueryRunner } from 'typeorm';

/** A query runner of TypeORM with the connection that it holds. */
type HoldingRunner = QueryRunner & { databaseConnection?: unknown };

/**
 * Tells whoever holds this connection why it was lost: TypeORM releases the query runner of a connection that the server ended, for
 * example for being idle in a transaction (25P03), and its next query would only say that it is released.
 */
export function tellHolder(runners: readonly QueryRunner[] | undefined, client: object, error: Error): void {
  const runner = runners?.find((holding) => (holding as HoldingRunner).databaseConnection === client);
  if (!runner || Object.hasOwn(runner, 'query')) {
    return;
  }
  // The manager of a released runner would not even ask it. What TypeORM releases is done but once all the same.
  Object.defineProperty(runner, 'isReleased', { configurable: true, get: () => false, set: () => undefined });
  Object.defineProperty(runner, 'query', {
    configurable: true,
    value: async (query: string, parameters?: unknown[]) => {
      const { QueryFailedError } = await import('typeorm');
      throw new QueryFailedError(query, parameters, error);
    },
  });
}
