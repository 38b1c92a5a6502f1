import { mkdirSync, writeFileSync } from 'node:fs';
import { Session } from 'node:inspector/promises';
import path from 'node:path';

/** Profiles what is measured, and not the start of the process, which is larger than many a run. */
export class Profile {
  #session = new Session();
  #name;
  #count = 0;
  #running = false;

  /** @param {string} name the beginning of the names of its files */
  constructor(name) {
    this.#name = name;
    this.#session.connect();
  }

  async start() {
    await this.#session.post('Profiler.enable');
    await this.#session.post('Profiler.start');
    this.#running = true;
  }

  async write() {
    if (!this.#running) return;
    this.#running = false;
    const { profile } = await this.#session.post('Profiler.stop');
    mkdirSync(path.dirname(this.#name), { recursive: true });
    writeFileSync(`${this.#name}-${process.pid}-${++this.#count}.cpuprofile`, JSON.stringify(profile));
  }
}
