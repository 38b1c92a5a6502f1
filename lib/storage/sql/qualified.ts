/**
 * PostgreSQL looks for a function, operator or type without a schema in each schema of the `search_path`, and takes the one whose
 * arguments fit best: a role that may create in one of them can put its own in the place of PostgreSQL's. The queue's own connections
 * have a path of their own. In a transaction of the application's the path is the application's, so that what runs there names the
 * schema of all that it uses: `a + b` becomes `a OPERATOR(pg_catalog.+) b`, `now()` `pg_catalog.now()`, `::text` `::pg_catalog.text`.
 */

interface Token {
  readonly kind: 'string' | 'name' | 'value' | 'word' | 'cast' | 'operator' | 'punctuation' | 'end';
  readonly text: string;
  /** In lower case. */
  readonly key: string;
  /** What stands before it. */
  readonly space: string;
}

const TOKEN =
  /(?<space>\s*)(?:(?<string>[eE]'(?:[^'\\]|\\.|'')*'|'(?:[^']|'')*')|(?<name>"(?:[^"]|"")*")|(?<value>\$\d+|\d+(?:\.\d+)?)|(?<word>[A-Za-z_][\w$]*)|(?<cast>::)|(?<operator>[-+*/<>=~!@#%^&|`?]+)|(?<punctuation>[()[\],.:])|(?<end>$))/suy;

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

const COMPARISON = 1;
const MEMBERSHIP = 2;
const OTHER = 3;
const LEVELS = new Map<string, number>([
  ...['<', '>', '=', '<=', '>=', '<>'].map((operator) => [operator, COMPARISON] as const),
  ...['+', '-'].map((operator) => [operator, OTHER + 1] as const),
  ...['*', '/', '%'].map((operator) => [operator, OTHER + 2] as const),
]);

/** The same of each statement. */
export function qualifiedAll<Statements extends object>(statements: Statements): Statements {
  const all = Object.entries(statements).map(([name, value]) => [
    name,
    typeof value === 'string' ? qualified(value) : qualifiedAll(value as object),
  ]);
  return Object.fromEntries(all) as Statements;
}

/** @throws Error for SQL that it can't make safe */
export function qualified(sql: string): string {
  return new Qualifier(sql).run();
}

class Qualifier {
  private readonly tokens: Token[] = [];
  private place = 0;

  constructor(private readonly sql: string) {
    TOKEN.lastIndex = 0;
    let kind: Token['kind'];
    do {
      const at = TOKEN.lastIndex;
      const found = TOKEN.exec(sql)?.groups;
      if (!found) {
        throw this.refusal(sql.slice(at, at + 20));
      }
      const { space = '', ...kinds } = found;
      const [name, text] = Object.entries(kinds).find(([, value]) => value !== undefined)!;
      kind = name as Token['kind'];
      this.tokens.push({ kind, text: text!, key: text!.toLowerCase(), space });
    } while (kind !== 'end');
  }

  run(): string {
    const text = this.group(null);
    if (this.next.kind !== 'end') {
      throw this.refusal(this.next.text);
    }
    return text;
  }

  private get next(): Token {
    return this.tokens[this.place]!;
  }

  private peek(distance: number): string | undefined {
    return this.tokens[this.place + distance]?.key;
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
        this.place++;
        end(`${space}=`);
      } else if (kind === 'operator') {
        this.operator(expression);
      } else if (key === 'in' || (key === 'not' && this.peek(1) === 'in')) {
        this.membership(expression);
      } else if (this.isSeparator(expression)) {
        this.assertSafe(closer, text + expression);
        this.place++;
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
    this.place++;
    if (!expression.expectsOperand) {
      expression.operate(LEVELS.get(text) ?? OTHER, `${space}OPERATOR(pg_catalog.${text})`);
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
    this.place += key === 'in' ? 2 : 3;
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
    this.place++;
  }

  /** A piece of an operand: a name, a call, a constant, a cast, or what stands in parentheses. */
  private operand(): string {
    const { kind, key, text, space } = this.next;
    const before = this.peek(-1);
    this.place++;
    if (key === '(' || key === '[' || key === 'case') {
      const closer = { '(': ')', '[': ']', case: 'end' }[key];
      const inner = this.group(closer);
      const { text: closing, space: beforeClosing } = this.next;
      this.place++;
      return `${space}${text}${inner}${beforeClosing}${closing}`;
    }
    if (kind !== 'word' && kind !== 'name') {
      return space + text;
    }
    let name = text;
    while (this.next.key === '.') {
      name += `.${this.tokens[this.place + 1]!.text}`;
      this.place += 2;
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
    return new Error(`can't tell of which schema ${what} is, in: ${this.sql}`);
  }
}

interface Operand {
  readonly text: string;
  /** Of the operators between its parts; none where it is one piece. */
  readonly level?: number;
}

/** Operands, and operators between them. */
class Expression {
  private readonly operands: string[] = [];
  private readonly operators: { readonly level: number; readonly text: string }[] = [];
  private current = '';

  get expectsOperand(): boolean {
    return this.current === '';
  }

  get hasOperator(): boolean {
    return this.operators.length > 0;
  }

  get isOneOperand(): boolean {
    return !this.hasOperator && !this.expectsOperand;
  }

  add(text: string): void {
    this.current += text;
  }

  operate(level: number, text: string): void {
    this.operands.push(this.current);
    this.operators.push({ level, text });
    this.current = '';
  }

  /** Operators that name their schema all bind alike, so that parentheses say what binds first. */
  toString(): string {
    const operands = [...this.operands, this.current].map((text): Operand => ({ text }));
    const operators = [...this.operators];
    const climb = (lowest: number): Operand => {
      let left = operands.shift()!;
      while (operators[0] && operators[0].level >= lowest) {
        const { level, text } = operators.shift()!;
        const right = enclosed(climb(level + 1), undefined);
        left = { text: `${enclosed(left, level)}${text}${right}`, level };
      }
      return left;
    };
    return climb(0).text;
  }
}

function enclosed({ text, level }: Operand, same: number | undefined): string {
  const inner = text.trimStart();
  return level === same || level === undefined
    ? text
    : `${text.slice(0, text.length - inner.length)}(${inner})`;
}
