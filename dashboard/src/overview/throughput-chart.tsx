import { useEffect, useRef } from 'preact/hooks';
import uPlot from 'uplot';
import { formatClock, formatNumber } from '../format.js';
import { useStore } from '../store.js';
import { theme } from '../theme.js';

export interface Minute {
  /** The start of the minute, in milliseconds. */
  readonly at: number;
  readonly succeeded: number;
  readonly failed: number;
}

const HEIGHT = 168;
const NARROW = 480;

/** A bar for each minute, with the failed attempts above the succeeded ones. */
export function ThroughputChart({
  minutes,
  onPoint,
}: {
  minutes: readonly Minute[];
  /** The index of the minute under the pointer. */
  onPoint: (index: number | null) => void;
}) {
  const colours = useStore(theme);
  const box = useRef<HTMLDivElement>(null);
  const chart = useRef<uPlot | null>(null);
  const data = dataOf(minutes);
  const latest = useRef(data);
  latest.current = data;

  useEffect(() => {
    const parent = box.current!;
    const made = new uPlot(optionsFor(parent, onPoint), latest.current, parent);
    chart.current = made;
    const resized = new ResizeObserver(() => made.setSize({ width: parent.clientWidth, height: HEIGHT }));
    resized.observe(parent);
    return () => {
      resized.disconnect();
      made.destroy();
      chart.current = null;
    };
  }, [colours, onPoint]);
  useEffect(() => chart.current?.setData(data), [minutes]);

  return <div ref={box} class="throughput-chart" />;
}

/** The bars of succeeded attempts are drawn over the bars of all attempts, whose upper part then shows the failed ones. */
function dataOf(minutes: readonly Minute[]): uPlot.AlignedData {
  return [
    minutes.map(({ at }) => at / 1000),
    minutes.map(({ succeeded, failed }) => (failed > 0 ? succeeded + failed : null)),
    minutes.map(({ succeeded }) => succeeded),
  ];
}

function optionsFor(parent: HTMLElement, onPoint: (index: number | null) => void): uPlot.Options {
  const styles = getComputedStyle(parent);
  // A canvas cannot use CSS variables: their values are read from the element.
  const { color: label, fill: good, stroke: failed, borderTopColor: grid } = styles;
  const font = `11px ${styles.fontFamily}`;
  const axis = { stroke: label, font, ticks: { show: false } };
  const bars = uPlot.paths.bars!({ size: [0.72, 24], align: 1 });
  const seriesOf = (fill: string): uPlot.Series => ({
    fill,
    width: 0,
    paths: bars,
    points: { show: false },
  });
  return {
    width: parent.clientWidth,
    height: HEIGHT,
    // The padding on the right has room for half of the last label.
    padding: [8, 18, 0, 0],
    legend: { show: false },
    cursor: { y: false, points: { show: false }, drag: { x: false, y: false } },
    scales: {
      x: { time: true, range: (_, from, to) => [from, to + 60] },
      y: { range: (_, __, highest) => [0, Math.max(4, highest * 1.1)] },
    },
    axes: [
      {
        ...axis,
        grid: { show: false },
        size: 24,
        gap: 4,
        incrs: [parent.clientWidth < NARROW ? 900 : 600],
        values: (_, times) => times.map((time) => formatClock(time * 1000)),
      },
      {
        ...axis,
        grid: { stroke: grid, width: 1 },
        size: 44,
        gap: 6,
        space: 26,
        incrs: [1, 2, 5]
          .flatMap((step) => Array.from({ length: 10 }, (_, power) => step * 10 ** power))
          .toSorted((a, b) => a - b),
        values: (_, values) => values.map((value) => formatNumber(value)),
      },
    ],
    series: [{}, seriesOf(failed), seriesOf(good)],
    hooks: { setCursor: [({ cursor }) => onPoint(cursor.idx ?? null)] },
  };
}
