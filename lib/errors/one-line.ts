/** Line breaks, control characters (C0 and C1) and format characters, such as those that turn the direction of a text. */
const UNPRINTED = /[\s\p{Cc}\p{Cf}]+/gu;

/** One line, whatever is in a name, a key or a message: it can't forge another, command a terminal, or show as what it is not. */
export function oneLine(text: string): string {
  return text.replaceAll(UNPRINTED, ' ');
}

/** Where an error was thrown: its stack without the message, which may be anything. */
export function framesOf(error: unknown): string | undefined {
  const stack = (error as Partial<Error> | null | undefined)?.stack;
  return typeof stack === 'string'
    ? stack
        .split('\n')
        .filter((line) => /^\s+at /.test(line))
        .map((line) => `    ${oneLine(line).trim()}`)
        .join('\n')
    : undefined;
}

/** JSON in one line that loses nothing: characters that a terminal must not get are written as `\uXXXX`. */
export function printableJson(value: unknown): string {
  return JSON.stringify(value).replaceAll(/[\p{Cc}\p{Cf}\u2028\u2029]/gu, escape);
}

function escape(character: string): string {
  return Array.from(
    { length: character.length },
    (_, unit) => String.raw`\u` + character.charCodeAt(unit).toString(16).padStart(4, '0'),
  ).join('');
}
