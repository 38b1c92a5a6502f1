import { partialResult } from '../cluster/shard-results.js';
import { errorMessage } from '../errors/error-message.js';
import { oneLine } from './output.js';

/** Collects the errors of the databases that failed, while a command shows the results of the others. */
export class PartialFailures {
  private readonly errors = new Map<string, unknown>();

  /** @throws the error of a call that failed as a whole */
  async resultOf<T>(call: Promise<T>): Promise<T> {
    const { result, errors } = await partialResult(call);
    errors.forEach((error, shard) => this.errors.set(shard, error));
    return result;
  }

  /** One line for each database that failed. */
  get lines(): string[] {
    return [...this.errors].map(([shard, error]) => `shard ${shard}: ${oneLine(errorMessage(error))}`);
  }
}
