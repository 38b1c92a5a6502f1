import { partialResult } from '../cluster/database-results.js';

/** Collects the errors of the databases that failed, while a command shows the results of the others. */
export class PartialFailures {
  /** By the names of the databases. */
  readonly errors = new Map<string, unknown>();

  /** @throws the error of a call that failed as a whole */
  async resultOf<T>(call: Promise<T>): Promise<T> {
    const { result, errors } = await partialResult(call);
    errors.forEach((error, name) => this.errors.set(name, error));
    return result;
  }
}
