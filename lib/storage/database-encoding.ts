import { asciiJson, storedKey } from './ascii.js';
import type { CheckedFilter } from '../inspect/task-filter.js';
import type { TaskDraft } from '../task/task-draft.js';
import { beforeCommit, type RunStatement } from './executor.js';

/** Databases in these take every text; SQL_ASCII takes its bytes as they come. */
const TAKE_ALL = new Set(['UTF8', 'SQL_ASCII']);
const FIND_ENCODING = `SELECT pg_catalog.current_setting('server_encoding') AS encoding`;
const NOT_ASCII = /[\u0080-\uffff]/;

/**
 * The encoding of a database. One such as LATIN1 lacks most characters: there payloads and keys are stored in ASCII, with escapes.
 * It is asked for at the start, or when the first text comes that is not ASCII, in the transaction that stores it.
 */
export class DatabaseEncoding {
  private takesAll: boolean | undefined;

  /** Tasks as they can be stored; a promise only where that has to be asked for. */
  drafts(
    run: RunStatement,
    drafts: readonly TaskDraft[],
  ): readonly TaskDraft[] | Promise<readonly TaskDraft[]> {
    return this.takesAll || !drafts.some(isWide)
      ? drafts
      : this.learn(run).then((takesAll) => (takesAll ? drafts : drafts.map(inAscii)));
  }

  /** A key as it is stored. */
  async key(run: RunStatement, key: string): Promise<string> {
    return this.takesAll || !NOT_ASCII.test(key) || (await this.learn(run)) ? key : storedKey(key);
  }

  /** What a filter looks for as it is stored: a key, and a text as it is and as JSON writes it. */
  async sought(
    run: RunStatement,
    { externalKey, text }: Pick<CheckedFilter, 'externalKey' | 'text'>,
  ): Promise<(string | null)[]> {
    const texts = text === null ? [null, null] : [text, JSON.stringify(text).slice(1, -1)];
    const isAscii = [externalKey, text].every((each) => each === null || !NOT_ASCII.test(each));
    return isAscii || this.takesAll || (await this.learn(run))
      ? [externalKey, ...texts]
      : [externalKey && storedKey(externalKey), ...texts.map((each) => each && asciiJson(each))];
  }

  /** Is called at the start, too, so that pushes need not look at each text. @returns whether the encoding takes every text */
  async learn(run: RunStatement): Promise<boolean> {
    if (this.takesAll === undefined) {
      const [row] = await beforeCommit(() => run(FIND_ENCODING, []));
      this.takesAll = TAKE_ALL.has(String(row!['encoding']));
    }
    return this.takesAll;
  }
}

function isWide({ payload, externalKey }: TaskDraft): boolean {
  return NOT_ASCII.test(payload) || (externalKey !== null && NOT_ASCII.test(externalKey));
}

function inAscii(draft: TaskDraft): TaskDraft {
  return {
    ...draft,
    payload: asciiJson(draft.payload),
    externalKey: draft.externalKey && storedKey(draft.externalKey),
  };
}
