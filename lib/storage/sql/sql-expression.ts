/** How tightly operators bind: a higher level binds first. */
const COMPARISON = 1;
export const MEMBERSHIP = 2;
const OTHER = 3;
const LEVELS = new Map<string, number>([
  ...['<', '>', '=', '<=', '>=', '<>'].map((operator) => [operator, COMPARISON] as const),
  ...['+', '-'].map((operator) => [operator, OTHER + 1] as const),
  ...['*', '/', '%'].map((operator) => [operator, OTHER + 2] as const),
]);

export function levelOf(operator: string): number {
  return LEVELS.get(operator) ?? OTHER;
}

interface Operand {
  readonly text: string;
  /** The level of the operators between its parts; undefined where it is one piece. */
  readonly level?: number;
}

/** Operands, and operators between them. */
export class Expression {
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
