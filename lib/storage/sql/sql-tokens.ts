/** A piece of SQL. */
export interface Token {
  readonly kind: 'string' | 'name' | 'value' | 'word' | 'cast' | 'operator' | 'punctuation' | 'end';
  readonly text: string;
  /** In lower case. */
  readonly key: string;
  /** The white space before it. */
  readonly space: string;
}

const TOKEN =
  /(?<space>\s*)(?:(?<string>[eE]'(?:[^'\\]|\\.|'')*'|'(?:[^']|'')*')|(?<name>"(?:[^"]|"")*")|(?<value>\$\d+|\d+(?:\.\d+)?)|(?<word>[A-Za-z_][\w$]*)|(?<cast>::)|(?<operator>[-+*/<>=~!@#%^&|`?]+)|(?<punctuation>[()[\],.:])|(?<end>$))/suy;

/** The tokens of a statement; the last one is its end. @throws Error for what is none */
export function tokensOf(sql: string): Token[] {
  const tokens: Token[] = [];
  TOKEN.lastIndex = 0;
  let kind: Token['kind'];
  do {
    const at = TOKEN.lastIndex;
    const found = TOKEN.exec(sql)?.groups;
    if (!found) {
      throw refusal(sql.slice(at, at + 20), sql);
    }
    const { space = '', ...kinds } = found;
    const [name, text] = Object.entries(kinds).find(([, value]) => value !== undefined)!;
    kind = name as Token['kind'];
    tokens.push({ kind, text: text!, key: text!.toLowerCase(), space });
  } while (kind !== 'end');
  return tokens;
}

export function refusal(what: string, sql: string): Error {
  return new Error(`can't tell of which schema ${what} is, in: ${sql}`);
}
