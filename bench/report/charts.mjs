/** One chart per measure, as SVG, drawn without a browser. */
/** @import { Measure, MeasureResult, Results } from '../types.js' */
import { View, parse } from 'vega';
import { compile } from 'vega-lite';
import { MEASURES } from '../measures/index.mjs';

const WIDTH = 560;
/** The library stands out; its peers are greys and blues. @type {Record<string, string>} */
const COLOURS = {
  pgqueue: '#d9480f',
  raw: '#868e96',
  'graphile-worker': '#1971c2',
  'pg-boss': '#74c0fc',
  'bullmq-redis': '#5f3dc4',
  'bullmq-postgres': '#b197fc',
};

const CONFIG = {
  background: 'white',
  padding: 12,
  font: 'sans-serif',
  axis: {
    labelFontSize: 12,
    titleFontSize: 12,
    titleFontWeight: 'normal',
    // 0: none is cut.
    labelLimit: 0,
    grid: true,
    gridColor: '#eeeeee',
  },
  axisY: { grid: false },
  header: { labelFontSize: 12, titleFontSize: 12, labelFontWeight: 'bold' },
  legend: { labelFontSize: 12, title: null },
  view: { stroke: null },
};

/** By measure, what is drawn of it: figures side by side, or what a run did over time. @type {Record<string, Drawing>} */
const DRAWINGS = {
  drain: { keys: ['perSecond'], axis: 'tasks per second' },
  'drain-two': { keys: ['perSecond'], axis: 'tasks per second' },
  defaults: { keys: ['perSecond'], axis: 'tasks per second' },
  push: { keys: ['one', 'many', 'batch'], axis: 'tasks per second', independent: true },
  'push-woken': { keys: ['perSecond'], axis: 'tasks per second' },
  'wake-up': { keys: ['p50', 'p99'], axis: 'milliseconds' },
  sustained: { keys: ['p50', 'p99'], axis: 'milliseconds (logarithmic)', logarithmic: true },
  retry: { keys: ['seconds'], axis: 'seconds' },
  crash: { keys: ['seconds'], axis: 'seconds' },
  backlog: { keys: ['perSecond'], axis: 'tasks per second' },
  pinned: { keys: [], axis: 'tasks per second' },
  memory: { keys: ['peakRss'], axis: 'MB' },
  idle: { keys: ['statements'], axis: 'statements a minute (logarithmic)', logarithmic: true },
};

/**
 * @typedef {object} Drawing
 * @property {string[]} keys of the figures, one panel each; none: the series
 * @property {string} axis
 * @property {boolean} [independent] every panel has a scale of its own
 * @property {boolean} [logarithmic]
 */

/**
 * @param {Results} results
 * @returns {Promise<Record<string, string>>} SVG, by measure
 */
export async function drawCharts(results) {
  /** @type {Record<string, string>} */
  const charts = {};
  for (const measure of MEASURES) {
    const result = results.measures[measure.name];
    const drawing = DRAWINGS[measure.name];
    if (!result || !drawing) continue;
    const spec = drawing.keys.length > 0 ? bars(measure, result, drawing) : lines(measure, result, drawing);
    charts[measure.name] = await render({ title: title(measure.title), config: CONFIG, ...spec });
  }
  return charts;
}

/** @param {object} spec */
async function render(spec) {
  const view = new View(parse(compile(spec).spec), { renderer: 'none' });
  const svg = await view.toSVG();
  view.finalize();
  return svg;
}

/** @param {string} text */
function title(text) {
  return { text, anchor: 'start', fontSize: 15, offset: 12 };
}

const colour = {
  field: 'contender',
  type: 'nominal',
  legend: null,
  scale: { domain: Object.keys(COLOURS), range: Object.values(COLOURS) },
};

/** @param {Measure} measure @param {MeasureResult} result @param {Drawing} drawing */
function bars(measure, result, { keys, axis, independent = false, logarithmic = false }) {
  const values = Object.values(result.entries).flatMap(({ entry, summary }) =>
    keys.flatMap((key) => {
      const figure = summary[key];
      const column = measure.columns.find((candidate) => candidate.key === key);
      if (!figure || !column) return [];
      const name =
        entry.configuration === 'best' ? entry.contender : `${entry.contender} ${entry.configuration}`;
      const variant = entry.variant === undefined ? '' : entry.variant.toLocaleString('en');
      const part = [keys.length > 1 ? column.title : '', variant && `${measure.variantTitle}: ${variant}`];
      return [{ name, contender: entry.contender, panel: part.filter(Boolean).join('; '), ...figure }];
    }),
  );
  const panels = [...new Set(values.map(({ panel }) => panel))];
  const x = {
    field: 'median',
    type: 'quantitative',
    title: axis,
    ...(logarithmic ? { scale: { type: 'log' } } : {}),
    axis: { labelExpr: "format(datum.value, datum.value < 1 ? '~g' : '~s')", tickCount: 5 },
  };
  // An explicit foot, because a logarithmic scale has no zero to start from.
  const least = Math.min(1, ...values.map(({ median }) => median));
  const foot = logarithmic ? { x2: { datum: 10 ** Math.floor(Math.log10(least)) } } : {};
  const y = { field: 'name', type: 'nominal', title: null, sort: null };
  const layer = [
    { mark: { type: 'bar', height: { band: 0.7 } }, encoding: { x, ...foot, color: colour } },
    {
      mark: { type: 'rule', color: '#343a40' },
      encoding: { x: { field: 'min', type: 'quantitative' }, x2: { field: 'max' } },
    },
    {
      mark: { type: 'text', align: 'left', dx: 5, fontSize: 11 },
      encoding: {
        x: { field: 'max', type: 'quantitative' },
        text: { field: 'median', type: 'quantitative', format: ',.3~r' },
      },
    },
  ];
  if (panels.length === 1)
    return { data: { values }, width: WIDTH, height: { step: 24 }, encoding: { y }, layer };
  // Four or six panels are two figures of two or three variants: a row for each variant, or each figure.
  const columns = panels.length === 4 ? 2 : Math.min(panels.length, 3);
  return {
    data: { values },
    facet: { field: 'panel', type: 'nominal', title: null, sort: panels },
    columns,
    spec: { width: Math.round((WIDTH * 1.4) / columns), height: { step: 22 }, encoding: { y }, layer },
    resolve: { scale: { x: independent ? 'independent' : 'shared' } },
  };
}

/** @param {Measure} measure @param {MeasureResult} result @param {Drawing} drawing */
function lines(measure, result, { axis }) {
  const values = Object.values(result.entries).flatMap(({ entry, runs }) =>
    (runs[0]?.series ?? []).map((point) => ({
      ...point,
      contender: entry.contender,
      panel: `${measure.variantTitle}: ${entry.variant}`,
    })),
  );
  return {
    data: { values },
    facet: {
      field: 'panel',
      type: 'nominal',
      title: null,
      sort: [...new Set(values.map(({ panel }) => panel))],
    },
    columns: 3,
    spec: {
      width: Math.round((WIDTH * 1.4) / 3),
      height: 220,
      mark: { type: 'line', point: { size: 18 }, strokeWidth: 2 },
      encoding: {
        x: { field: 'seconds', type: 'quantitative', title: 'seconds' },
        y: {
          field: 'perSecond',
          type: 'quantitative',
          title: axis,
          axis: { format: '~s', tickCount: 5, grid: true },
        },
        color: {
          ...colour,
          legend: {
            orient: 'bottom',
            columns: 6,
            values: [...new Set(values.map(({ contender }) => contender))],
          },
        },
      },
    },
  };
}
