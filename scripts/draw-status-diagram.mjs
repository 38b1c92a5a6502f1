#!/usr/bin/env node
/**
 * Draws docs/status-diagram.svg from the transition table of test/support/transitions.ts: `npm run docs:diagram`.
 * The table says which arrows there are and what is written on them; this file says where they run.
 */
import { readFileSync, realpathSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';

const TABLE = new URL('../test/support/transitions.ts', import.meta.url);
const DIAGRAM = new URL('../docs/status-diagram.svg', import.meta.url);

const WIDTH = 1080;
const HEIGHT = 580;
const LINE_HEIGHT = 17;

/**
 * @typedef {{ from: string | null, event: string, to: readonly (string | null)[] }} Transition
 * @typedef {{ x: number, y: number, width: number, class: string }} Place
 * @typedef {{ path: string, at: [x: number, y: number], anchor?: 'start' | 'middle' | 'end', note?: string, faint?: boolean }} Route
 */

const NODE_HEIGHT = 50;

/** @type {Record<string, Place>} middles, by status; the task that is stored no more is `deleted` */
const NODES = {
  new: { x: 250, y: 170, width: 150, class: 'open' },
  must_retry: { x: 250, y: 350, width: 150, class: 'open' },
  processing: { x: 590, y: 270, width: 150, class: 'leased' },
  no_attempts_left: { x: 560, y: 490, width: 180, class: 'broken' },
  cancelled: { x: 910, y: 150, width: 150, class: 'terminal' },
  succeeded: { x: 910, y: 270, width: 150, class: 'terminal' },
  deleted: { x: 910, y: 430, width: 150, class: 'deleted' },
};

/** Statuses that share an arrow: it is drawn from the box around them when all of them have it. */
const GROUPS = {
  open: { members: ['new', 'must_retry'], x: 150, y: 95, width: 200, height: 305 },
  terminal: { members: ['cancelled', 'succeeded'], x: 810, y: 85, width: 200, height: 235 },
};

/** @type {Record<string, Route>} by `from → to` */
const ROUTES = {
  'start → new': { path: 'M70 160 H175', at: [82, 150], anchor: 'start' },
  'open → processing': { path: 'M350 255 H515', at: [432, 245] },
  'open → cancelled': { path: 'M350 130 H835', at: [590, 120] },
  'processing → cancelled': { path: 'M590 245 V160 H835', at: [602, 180], anchor: 'start' },
  'processing → succeeded': { path: 'M665 270 H835', at: [737, 260] },
  'processing → deleted': {
    path: 'M640 295 V430 H835',
    at: [652, 403],
    anchor: 'start',
    note: 'with a TTL of 0',
  },
  'processing → must_retry': {
    path: 'M535 295 V350 H325',
    at: [442, 370],
  },
  'processing → no_attempts_left': {
    path: 'M575 295 V465',
    at: [565, 428],
    anchor: 'end',
    note: 'no attempts are left',
  },
  'no_attempts_left → must_retry': { path: 'M470 480 H270 V375', at: [370, 470] },
  'terminal → deleted': { path: 'M910 320 V405', at: [922, 367], anchor: 'start' },
  'new → new': { path: 'M265 145 V118 H235 V145', at: [274, 130], anchor: 'start', faint: true },
  'must_retry → new': { path: 'M250 325 V195', at: [258, 222], anchor: 'start', faint: true },
  'no_attempts_left → new': { path: 'M470 500 H115 V182 H175', at: [290, 520], faint: true },
  'terminal → new': { path: 'M910 85 V45 H200 V145', at: [590, 35], faint: true },
};

/**
 * @param {readonly Transition[]} transitions
 * @returns {string} the picture
 */
export function drawStatusDiagram(transitions) {
  const arrows = arrowsOf(transitions);
  const lines = arrows.map(({ name }) => {
    const { path, faint } = ROUTES[name] ?? missing(name);
    return `<path class="line${faint ? ' faint' : ''}" d="${path}" marker-end="url(#head)"/>`;
  });
  const labels = arrows.flatMap(({ name, events }) => {
    const { at, anchor = 'middle', note, faint } = ROUTES[name] ?? missing(name);
    return [...inPairs(events), ...(note ? [note] : [])].map((line, index) => {
      const kind = line === note ? 'note' : faint ? 'event faint' : 'event';
      return `<text class="${kind}" x="${at[0]}" y="${at[1] + index * LINE_HEIGHT}" text-anchor="${anchor}">${line}</text>`;
    });
  });
  const unused = Object.keys(ROUTES).filter((route) => arrows.every(({ name }) => name !== route));
  if (unused.length > 0)
    throw new Error(`the table has no transition ${unused.join(', ')}: remove the route`);
  return `${[
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-labelledby="title">`,
    "<!-- Drawn by scripts/draw-status-diagram.mjs from test/support/transitions.ts: don't edit. -->",
    '<title id="title">The statuses of a task, and what leads from one to another</title>',
    STYLE,
    '<defs><marker id="head" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="8" markerHeight="8" orient="auto-start-reverse"><path class="head" d="M0 1 L10 5 L0 9 z"/></marker></defs>',
    `<rect class="page" x="1" y="1" width="${WIDTH - 2}" height="${HEIGHT - 2}" rx="12"/>`,
    ...Object.entries(GROUPS).map(drawGroup),
    '<circle class="start" cx="62" cy="160" r="7"/>',
    ...lines,
    ...Object.entries(NODES).map(drawNode),
    ...labels,
    `<text class="note" x="40" y="${HEIGHT - 20}">processing is not stored: an open task that has a lease is shown so. Dashed arrows: a push with onConflict: 'replace'.</text>`,
    '</svg>',
  ].join('\n')}\n`;
}

/**
 * One arrow per pair of places, with all its events.
 * @param {readonly Transition[]} transitions
 */
function arrowsOf(transitions) {
  /** @type {Map<string, Set<string>>} events, by `from → to` */
  const arrows = new Map();
  for (const { from, event, to } of transitions) {
    for (const target of to) {
      const name = `${sourceOf(transitions, from, event, target)} → ${target ?? 'deleted'}`;
      arrows.set(name, (arrows.get(name) ?? new Set()).add(event));
    }
  }
  return [...arrows].map(([name, events]) => ({ name, events: [...events] }));
}

/**
 * The box around a status, when all in it go the same way and none stays in it; else the status.
 * @param {readonly Transition[]} transitions
 * @param {string | null} from
 * @param {string} event
 * @param {string | null} target
 */
function sourceOf(transitions, from, event, target) {
  const goesSo = (/** @type {string} */ status) =>
    transitions.some((other) => other.from === status && other.event === event && other.to.includes(target));
  const group = Object.entries(GROUPS).find(
    ([, { members }]) =>
      from !== null && members.includes(from) && !members.includes(target ?? '') && members.every(goesSo),
  );
  return group?.[0] ?? from ?? 'start';
}

/**
 * @param {string} name
 * @returns {never}
 */
function missing(name) {
  throw new Error(`the table has a transition ${name}: give it a route here`);
}

/** @param {string[]} events */
function inPairs(events) {
  return events.flatMap((_, index) => (index % 2 === 0 ? [events.slice(index, index + 2).join(' · ')] : []));
}

/** @param {[string, Place]} entry */
function drawNode([name, { x, y, width, class: kind }]) {
  return (
    `<rect class="node ${kind}" x="${x - width / 2}" y="${y - NODE_HEIGHT / 2}" width="${width}" height="${NODE_HEIGHT}" rx="${kind === 'deleted' ? 25 : 8}"/>` +
    `<text class="name ${kind}" x="${x}" y="${y + 5}" text-anchor="middle">${name}</text>`
  );
}

/** @param {[string, { x: number, y: number, width: number, height: number }]} entry */
function drawGroup([name, { x, y, width, height }]) {
  return (
    `<rect class="group" x="${x}" y="${y}" width="${width}" height="${height}" rx="14"/>` +
    `<text class="note" x="${x + width - 12}" y="${y + height - 12}" text-anchor="end">${name}</text>`
  );
}

/** Its own background, since a page's theme and the reader's system may differ. */
const STYLE = `<style>
svg { font-family: system-ui, -apple-system, 'Segoe UI', 'DejaVu Sans', sans-serif; font-size: 13px }
.page { fill: #ffffff; stroke: #d0d7de }
.group { fill: #f6f8fa; stroke: #8c959f; stroke-dasharray: 4 4 }
.line { fill: none; stroke: #57606a; stroke-width: 1.6 }
.line.faint { stroke: #8c959f; stroke-dasharray: 6 4 }
.head { fill: #57606a }
.start { fill: #57606a }
.node { stroke-width: 1.6 }
.name { font-size: 15px; font-weight: 600; fill: #1f2328 }
.event { fill: #1f2328 }
.event.faint, .note { fill: #59636e }
.note { font-style: italic; font-size: 12px }
.node.open { fill: #ddf4ff; stroke: #0969da }
.node.leased { fill: #fff8c5; stroke: #9a6700 }
.node.broken { fill: #ffebe9; stroke: #cf222e }
.node.terminal { fill: #dafbe1; stroke: #1a7f37 }
.node.deleted { fill: #ffffff; stroke: #8c959f; stroke-dasharray: 4 4 }
.name.deleted { font-weight: 400; fill: #59636e }
@media (prefers-color-scheme: dark) {
.page { fill: #0d1117; stroke: #3d444d }
.group { fill: #151b23; stroke: #656c76 }
.line { stroke: #9198a1 }
.line.faint { stroke: #656c76 }
.head, .start { fill: #9198a1 }
.name, .event { fill: #f0f6fc }
.event.faint, .note, .name.deleted { fill: #9198a1 }
.node.open { fill: #0c2d6b; stroke: #58a6ff }
.node.leased { fill: #3d2c00; stroke: #d29922 }
.node.broken { fill: #5a1013; stroke: #f85149 }
.node.terminal { fill: #0f3d1f; stroke: #3fb950 }
.node.deleted { fill: #0d1117; stroke: #656c76 }
}
</style>`;

async function main() {
  const { outputText } = ts.transpileModule(readFileSync(TABLE, 'utf8'), {
    compilerOptions: { module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ES2022 },
  });
  const { TRANSITIONS } = await import(`data:text/javascript,${encodeURIComponent(outputText)}`);
  writeFileSync(DIAGRAM, drawStatusDiagram(TRANSITIONS));
}

if (realpathSync(process.argv[1] ?? '') === fileURLToPath(import.meta.url)) await main();
