/** The lines of the demo's tables that say that something holds, by their labels. */
export function checksIn(output: string): Map<string, { expected: number; found: number }> {
  const lines = output.matchAll(/^ {2}(\S.*?) {2,}(\d+) +(\d+) {2}ok$/gm);
  return new Map(
    [...lines].map(([, label, expected, found]) => [
      label!,
      { expected: Number(expected), found: Number(found) },
    ]),
  );
}
