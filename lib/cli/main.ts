#!/usr/bin/env node
import { runCli } from './cli.js';

const ended = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => ended.abort());
}
process.exitCode = await runCli(
  process.argv.slice(2),
  process.env['DATABASE_URL'],
  {
    out: (text) => void process.stdout.write(text),
    err: (text) => void process.stderr.write(text),
  },
  ended.signal,
);
