import { Expression, levelOf, MEMBERSHIP } from './sql-expression.js';
import { refusal, type Token, tokensOf } from './sql-tokens.js';

const words = (list: string) => new Set(list.split(' '));

/** Words between which expressions stand. */
const CLAUSES = words(
  'all and as asc by conflict cross delete desc distinct do else filter for from group having insert into is join key lateral ' +
    'left limit locked materialized no not nothing of offset on or order ordinality over partition recursive returning rows ' +
    'select set share skip then union update using values when where with',
);
/** They stand before parentheses, and are no functions. */
const FORMS = words('all any array coalesce exists extract greatest in least row some');
/** Types that the grammar itself looks for in pg_catalog. */
const KEYWORD_TYPES = words('bigint boolean int integer interval numeric real smallint');
/** Behind these, `=` compares again. */
const ENDS_SET = words('from returning using where');
/** They look for operators in the path, and can't say of which schema. */
const REFUSED = words('between ilike like nullif similar');

/** The same of each statement. */
export function qualifiedAll<Statements extends object>(statements: Statements): Statements {
  const all = Object.entries(statements).map(([name, value]) => [
    name,
    typeof value === 'string' ? qualified(value) : qualifiedAll(value as object),
  ]);
  return Object.fromEntries(all) as Statements;
}

/**
 * The statement with the schema of all that it uses.
 *
 * PostgreSQL looks for a function, operator or type without a schema in each schema of the `search_path`, and takes the one whose
 * arguments fit best: a role that may create in one of them can put its own in the place of PostgreSQL's. The queue's own connections
 * have a path of their own. In a transaction of the application's the path is the application's, so that what runs there names the
 * schema of all that it uses: `a + b` becomes `a OPERATOR(pg_catalog.+) b`, `now()` `pg_catalog.now()`, `::text` `::pg_catalog.text`.
 * @throws Error for SQL that it can't make safe
 */
export function qualified(sql: string): string {
  return new Qualifier(sql).run();
}

class Qualifier {
  private readonly tokens: readonly Token[];
  /** The index of the next token. */
  private index = 0;

  constructor(private readonly sql: string) {
    this.tokens = tokensOf(sql);
  }

  run(): string {
    const text = this.group(null);
    if (this.next.kind !== 'end') {
      throw this.refusal(this.next.text);
    }
    return text;
  }

  private get next(): Token {
    return this.tokens[this.index]!;
  }

  private peek(distance: number): string | undefined {
    return this.tokens[this.index + distance]?.key;
  }

  /** Expressions and what stands between them, up to what closes the group. */
  private group(closer: string | null): string {
    let text = '';
    let expression = new Expression();
    let inSet = false;
    const end = (separator: string) => {
      text += `${expression}${separator}`;
      expression = new Expression();
    };
    while (this.next.kind !== 'end' && this.next.key !== closer) {
      const { kind, key, text: own, space } = this.next;
      if (key === '=' && inSet && expression.isOneOperand && /^(set|,)$/.test(this.peek(-2) ?? '')) {
        this.index++;
        end(`${space}=`);
      } else if (kind === 'operator') {
        this.operator(expression);
      } else if (key === 'in' || (key === 'not' && this.peek(1) === 'in')) {
        this.membership(expression);
      } else if (this.isSeparator(expression)) {
        this.assertSafe(closer, text + expression);
        this.index++;
        end(space + own);
        inSet = key === 'set' || (inSet && !ENDS_SET.has(key));
      } else {
        expression.add(this.operand());
      }
    }
    end('');
    return text;
  }

  private isSeparator(expression: Expression): boolean {
    const { kind, key } = this.next;
    if (key === ',' || key === ':') {
      return true;
    }
    const isCalled = this.peek(1) === '(' && (key === 'left' || (key === 'all' && expression.hasOperator));
    return kind === 'word' && CLAUSES.has(key) && !isCalled;
  }

  private assertSafe(closer: string | null, before: string): void {
    const { key } = this.next;
    if (key === 'distinct' && /^(is|not)$/.test(this.peek(-1) ?? '')) {
      throw this.refusal('IS DISTINCT FROM');
    }
    if (key === 'using' && this.peek(1) === '(') {
      throw this.refusal('USING (…)');
    }
    if (key === 'when' && closer === 'end' && before.trim() !== '' && !/\b(then|else)\b/i.test(before)) {
      throw this.refusal('CASE … WHEN');
    }
  }

  private operator(expression: Expression): void {
    const { text, space } = this.next;
    this.index++;
    if (!expression.expectsOperand) {
      expression.operate(levelOf(text), `${space}OPERATOR(pg_catalog.${text})`);
    } else if (text === '*' || (text === '-' && this.next.kind === 'value')) {
      // All columns, or a negative number.
      expression.add(space + text);
    } else {
      throw this.refusal(`${text} of one operand`);
    }
  }

  /** `IN (…)` of constants or of a subquery, and NOT IN. */
  private membership(expression: Expression): void {
    const { key, space } = this.next;
    const [operator, all] = key === 'in' ? ['=', 'ANY'] : ['<>', 'ALL'];
    this.index += key === 'in' ? 2 : 3;
    if (this.next.kind === 'string') {
      const constants = this.group(')');
      if (!/^'\w+'(, '\w+')*$/.test(constants)) {
        throw this.refusal(`IN (${constants})`);
      }
      expression.operate(MEMBERSHIP, `${space}OPERATOR(pg_catalog.${operator})`);
      expression.add(` ${all} ('{${constants.replaceAll("'", '').replaceAll(', ', ',')}}')`);
    } else {
      expression.operate(MEMBERSHIP, `${space}OPERATOR(pg_catalog.${operator})`);
      expression.add(` ${all} (${this.group(')')})`);
    }
    this.index++;
  }

  /** A piece of an operand: a name, a call, a constant, a cast, or what stands in parentheses. */
  private operand(): string {
    const { kind, key, text, space } = this.next;
    const before = this.peek(-1);
    this.index++;
    if (key === '(' || key === '[' || key === 'case') {
      const closer = { '(': ')', '[': ']', case: 'end' }[key];
      const inner = this.group(closer);
      const { text: closing, space: beforeClosing } = this.next;
      this.index++;
      return `${space}${text}${inner}${beforeClosing}${closing}`;
    }
    if (kind !== 'word' && kind !== 'name') {
      return space + text;
    }
    let name = text;
    while (this.next.key === '.') {
      name += `.${this.tokens[this.index + 1]!.text}`;
      this.index += 2;
    }
    if (name !== text) {
      return space + name;
    }
    // A literal of a type, or a call by a name in quotes.
    if (kind === 'word' ? this.next.kind === 'string' && !KEYWORD_TYPES.has(key) : this.next.key === '(') {
      throw this.refusal(text);
    }
    return `${space}${kind === 'word' ? this.schemaOf(key, before) : ''}${name}`;
  }

  /** What stands before a single word. */
  private schemaOf(word: string, before: string | undefined): string {
    if (REFUSED.has(word)) {
      throw this.refusal(word);
    }
    if (before === '::') {
      return KEYWORD_TYPES.has(word) ? '' : 'pg_catalog.';
    }
    // Behind AS, or another operand, it is an alias, and its columns follow.
    const isCall = this.next.key === '(' && !FORMS.has(word) && before !== 'as' && before !== ')';
    if (!isCall && word.startsWith('pg_')) {
      throw this.refusal(word);
    }
    return isCall ? 'pg_catalog.' : '';
  }

  private refusal(what: string): Error {
    return refusal(what, this.sql);
  }
}
