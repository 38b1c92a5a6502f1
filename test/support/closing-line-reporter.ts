import type { Reporter, TestModule } from 'vitest/node';

/** Ends a run with its result on a line of its own, for people and programs that read logs from the end. */
export default class ClosingLineReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], unhandledErrors: readonly unknown[]): void {
    const count = { passed: 0, failed: unhandledErrors.length, skipped: 0, pending: 0 };
    for (const module of modules) {
      const own = [...module.children.allTests()];
      for (const test of own) count[test.result().state] += 1;
      // A file or a hook that fails outside of a test
      if (!module.ok() && !own.some((test) => test.result().state === 'failed')) count.failed += 1;
    }
    const skipped = count.skipped + count.pending;
    process.stdout.write(
      `\n${count.passed} passed, ${count.failed} failed${skipped ? `, ${skipped} skipped` : ''}\n`,
    );
  }
}
