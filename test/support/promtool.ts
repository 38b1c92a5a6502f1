import { spawnSync } from 'node:child_process';

/** Whether Prometheus' own checker is installed on this machine. */
export const hasPromtool = spawnSync('promtool', ['--version']).status === 0;

/** What it says, and its exit code; `input` is what it reads. */
export function promtool(args: readonly string[], input = ''): { status: number | null; output: string } {
  const { status, stdout, stderr } = spawnSync('promtool', args, { input, encoding: 'utf8' });
  return { status, output: stdout + stderr };
}
