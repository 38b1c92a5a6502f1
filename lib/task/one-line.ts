/** Line breaks, control characters (C0 and C1) and format characters, such as those that turn the direction of a text. */
const UNPRINTED = /[\s\p{Cc}\p{Cf}]+/gu;

/** One line, whatever is in a name, a key or a message: it can't forge another, command a terminal, or show as what it is not. */
export function oneLine(text: string): string {
  return text.replaceAll(UNPRINTED, ' ');
}

/** The same of JSON, which loses nothing: what a terminal must not see is written as `\uXXXX`. */
export function printableJson(value: unknown): string {
  return JSON.stringify(value).replaceAll(/[\p{Cc}\p{Cf}\u2028\u2029]/gu, escape);
}

function escape(character: string): string {
  return Array.from(
    { length: character.length },
    (_, unit) => String.raw`\u` + character.charCodeAt(unit).toString(16).padStart(4, '0'),
  ).join('');
}
