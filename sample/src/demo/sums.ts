/** Adds up what several databases say, figure by figure. */
export function sumOf<Name extends string>(figures: readonly Record<Name, number>[]): Record<Name, number> {
  const names = Object.keys(figures[0]!) as Name[];
  const sums = names.map((name) => [name, figures.reduce((sum, one) => sum + one[name], 0)] as const);
  return Object.fromEntries(sums) as Record<Name, number>;
}
