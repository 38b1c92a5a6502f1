#!/usr/bin/env node
import { runCli } from './cli.js';
import { EXIT } from './command.js';

const ended = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => ended.abort());
}
// The reader may close the stream early, as in `… | head`; the command then ends without an error.
for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    ended.abort();
    process.exitCode = error.code === 'EPIPE' ? process.exitCode : EXIT.failed;
  });
}
const code = await runCli(
  process.argv.slice(2),
  process.env['DATABASE_URL'],
  {
    out: (text) => void process.stdout.write(text),
    err: (text) => void process.stderr.write(text),
  },
  ended.signal,
);
process.exitCode ??= code;
