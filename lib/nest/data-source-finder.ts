import type { ModuleRef } from '@nestjs/core';
import type { DataSourceFinder } from '../cluster/queue-databases.factory.js';
import { InvalidOptionError } from '../errors/pg-queue.errors.js';

/** Finds the DataSources of `@nestjs/typeorm`, which is loaded only when it is used: an application may not have it installed. */
export function dataSourceFinder(moduleRef: ModuleRef): DataSourceFinder {
  return async (name) => {
    const { getDataSourceToken } = await import('@nestjs/typeorm').catch(refuseWithoutTypeOrm);
    return () => {
      try {
        return moduleRef.get(getDataSourceToken(name), { strict: false });
      } catch {
        throw new InvalidOptionError(
          'dataSource',
          name,
          'must be the name of a DataSource of TypeOrmModule.forRoot',
        );
      }
    };
  };
}

/** The codes of a missing package, from `import` and from `require`. */
const MISSING = new Set<unknown>(['ERR_MODULE_NOT_FOUND', 'MODULE_NOT_FOUND']);

function refuseWithoutTypeOrm(error: unknown): never {
  if (!MISSING.has((error as { code?: unknown }).code)) {
    throw error;
  }
  throw new InvalidOptionError(
    'pool',
    undefined,
    'must be a Pool of pg where @nestjs/typeorm and typeorm are not installed',
  );
}
