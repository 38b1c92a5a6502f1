/** Reads what processes used from /proc, so that it is the same for every program. */
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';

const MS_PER_TICK = 1000 / Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }));

/** @param {number | string} pid */
function statOf(pid) {
  let text;
  try {
    text = readFileSync(`/proc/${pid}/stat`, 'utf8');
  } catch {
    return undefined; // it has ended
  }
  // The second field, the program's name, may hold spaces; what follows it starts with the third.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  const ticks = (/** @type {number} */ place) => Number(fields[place - 3]);
  return { parent: ticks(4), own: ticks(14) + ticks(15), ended: ticks(16) + ticks(17) };
}

/**
 * CPU time that a process and its children used so far, those that have ended too.
 * @param {number} pid
 */
export function cpuOfTree(pid) {
  let ticks = 0;
  for (const entry of readdirSync('/proc')) {
    if (!/^\d+$/.test(entry)) continue;
    const stat = statOf(entry);
    if (!stat) continue;
    if (Number(entry) === pid) ticks += stat.own + stat.ended;
    else if (stat.parent === pid) ticks += stat.own;
  }
  return ticks * MS_PER_TICK;
}

/**
 * @param {number} pid
 * @returns {{ rssMb: number, peakRssMb: number }}
 */
export function memoryOf(pid) {
  const text = readFileSync(`/proc/${pid}/status`, 'utf8');
  const read = (/** @type {string} */ name) =>
    Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(text)?.[1]) / 1024;
  return { rssMb: read('VmRSS'), peakRssMb: read('VmHWM') };
}
