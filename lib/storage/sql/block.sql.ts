/** Names in the text may hold what looks like its end. */
export function dollarQuoted(tag: string, text: string): string {
  const quote = `$${tag}$`;
  return text.includes(quote) ? dollarQuoted(`${tag}_`, text) : `${quote}${text}${quote}`;
}

/** A statement that runs these of PL/pgSQL. */
export const block = (body: string) => `DO ${dollarQuoted('', body)}`;

/** Runs the statements where the condition does not hold. */
export const unless = (exists: string, ...statements: string[]) =>
  block(` BEGIN
  IF NOT ${exists} THEN
    ${statements.join(';\n    ')};
  END IF;
END `);
