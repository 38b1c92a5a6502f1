import { type ChildProcess, fork } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { Listening } from './serve.js';

const KEPT_LINES = 40;

interface ShopProcessOptions {
  name: string;
  file: 'api' | 'worker';
  env: Record<string, string>;
  /** Where its log goes: to our own output, or nowhere but `lastLines`. */
  log: 'inherit' | 'pipe';
}

/** A process of the shop, as `npm start` and the demo run it. */
export class ShopProcess {
  readonly name: string;
  readonly lastLines: string[] = [];
  /** Settles when the process is gone, however it went. */
  readonly gone: Promise<void>;
  /** Its address, once it listens. Rejects when it ends before that. */
  readonly listening: Promise<string>;
  private readonly child: ChildProcess;

  constructor({ name, file, env, log }: ShopProcessOptions) {
    this.name = name;
    this.child = fork(fileURLToPath(new URL(`${file}.js`, import.meta.url)), {
      env: { ...process.env, WORKER_NAME: name, ...env },
      stdio: ['ignore', log, log, 'ipc'],
    });
    this.gone = new Promise((resolve) => {
      this.child.once('close', () => resolve());
      this.child.once('error', () => resolve());
    });
    this.listening = new Promise((resolve, reject) => {
      this.child.once('message', ({ listening }: Listening) => resolve(listening));
      void this.gone.then(() => reject(new Error([`${name} did not start`, ...this.lastLines].join('\n'))));
    });
    this.keepLastLines();
  }

  get pid(): number {
    return this.child.pid!;
  }

  /** SIGTERM lets it finish what runs; SIGKILL does not. */
  async end(signal: 'SIGTERM' | 'SIGKILL' = 'SIGTERM'): Promise<void> {
    this.child.kill(signal);
    await this.gone;
  }

  private keepLastLines(): void {
    for (const stream of [this.child.stdout, this.child.stderr]) {
      if (stream) {
        createInterface(stream).on('line', (line) => {
          this.lastLines.push(line);
          this.lastLines.splice(0, this.lastLines.length - KEPT_LINES);
        });
      }
    }
  }
}
