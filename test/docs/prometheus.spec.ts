import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Test } from '@nestjs/testing';
import { register } from 'prom-client';
import { describe, expect } from 'vitest';
import { ObservabilityModule } from '../../docs/examples/observability.js';
import { defineTask, noJitter, PgQueueModule, TaskHandler } from '../../lib/index.js';
import { databasePerFile } from '../support/index.js';
import { typeOrm } from '../support/nest-app.js';
import { hasPromtool, promtool } from '../support/promtool.js';
import type { TestDatabase } from '../support/test-database.js';

const { it, scraped } = databasePerFile({ scraped: scrapeOnce });

describe('the Grafana dashboard', () => {
  const dashboard = JSON.parse(readFileSync('docs/grafana-dashboard.json', 'utf8')) as Dashboard;
  const drawn = dashboard.panels.filter(({ type }) => type !== 'row');

  it('asks for nothing that a scrape does not have', () => {
    const expressions = expressionsOf(dashboard);
    expect(expressions.length).toBeGreaterThan(30);
    expect(expressions.flatMap(unknownIn)).toEqual([]);
  });

  it('asks for every metric that there is', () => {
    const asked = new Set(
      expressionsOf(dashboard).flatMap((text) =>
        [...text.matchAll(/\bpgqueue_\w+/g)].map(([name]) => name.replace(/_bucket$/, '')),
      ),
    );
    expect([...asked].toSorted()).toEqual(scraped.exposition.match(/(?<=^# TYPE )pgqueue_\w+/gm)!.toSorted());
  });

  it('has what Grafana needs to import it', () => {
    expect(dashboard).toMatchObject({ uid: 'nestjs-pgqueue', title: 'nestjs-pgqueue' });
    expect(dashboard.schemaVersion).toBeGreaterThanOrEqual(36);
    expect(dashboard.templating.list[0]).toMatchObject({ name: 'datasource', type: 'datasource' });
    const ids = dashboard.panels.map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
    const source = { type: 'prometheus', uid: '${datasource}' };
    for (const { title, description, datasource, targets = [] } of drawn) {
      expect([title, datasource, Boolean(description)]).toEqual([title, source, true]);
      expect(targets.map(({ datasource: of }) => of)).toEqual(targets.map(() => source));
      expect(targets.length).toBeGreaterThan(0);
      expect(new Set(targets.map(({ refId }) => refId)).size).toBe(targets.length);
    }
  });

  it('lays its panels out within the grid, none over another', () => {
    const taken = new Set<string>();
    const cells = dashboard.panels.flatMap(({ gridPos: { x, y, w, h } }) =>
      Array.from({ length: w * h }, (_, n) => `${x + (n % w)},${y + Math.floor(n / w)}`),
    );
    expect(dashboard.panels.filter(({ gridPos: { x, w } }) => x < 0 || x + w > 24)).toEqual([]);
    expect(cells.filter((cell) => taken.size === taken.add(cell).size)).toEqual([]);
  });
});

describe('the alert rules', () => {
  const rules = readFileSync('docs/alert-rules.yml', 'utf8');

  it('ask for nothing that a scrape does not have', () => {
    const expressions = rules.split(/^ +- alert: /m).slice(1);
    expect(expressions.length).toBeGreaterThanOrEqual(8);
    for (const expression of expressions) {
      expect(unknownIn(expression.match(/expr: ([^]*?)\n +(?:for|labels):/)![1]!)).toEqual([]);
    }
  });

  it('are named in docs/observability.md, all of them', () => {
    const names = [...rules.matchAll(/alert: (\w+)/g)].map(([, name]) => name!);
    const documented = readFileSync('docs/observability.md', 'utf8').match(/(?<=^\| `)PgQueue\w+/gm)!;
    expect(documented.toSorted()).toEqual(names.toSorted());
  });
});

describe('the labels of a scrape', () => {
  /** Without the one that makes a histogram. */
  const labelsOf = (name: string) =>
    [...(scraped.series.get(name) ?? scraped.series.get(`${name}_bucket`))!.keys()]
      .filter((label) => label !== 'le')
      .toSorted();

  it('are those that docs/observability.md names', () => {
    const [ownPart, clusterPart] = readFileSync('docs/observability.md', 'utf8').split(
      '### The whole cluster',
    );
    const documented = [...rowsOf(ownPart!, []), ...rowsOf(clusterPart!, ['shard'])];
    expect(documented.length).toBeGreaterThan(15);
    expect(documented).toEqual(documented.map(([name]) => [name, labelsOf(name as string)]));
  });
});

describe('the check of queries', () => {
  it.each([
    ['pgqueue_nothing', ['pgqueue_nothing']],
    ['pgqueue_tasks{shop="x"}', ['pgqueue_tasks{shop}']],
    ['pgqueue_tasks{status="new|odd"}', ['pgqueue_tasks{status="odd"}']],
    ['sum by (le) (pgqueue_tasks)', ['le']],
    ['sum by (job, kind) (pgqueue_tasks{job=~"$job",kind=~"$kind",status="new"})', []],
  ])('finds what is wrong with %s', (expression, wrong) => {
    expect(unknownIn(expression)).toEqual(wrong);
  });
});

if (!hasPromtool) {
  process.stdout.write('skipped: the checks by promtool, since it is not installed on this machine\n');
}

describe.skipIf(!hasPromtool)('promtool', () => {
  it('has nothing to say about a scrape', () => {
    expect(promtool(['check', 'metrics'], scraped.exposition)).toEqual({ status: 0, output: '' });
  });

  it('accepts the alerts', () => {
    expect(promtool(['check', 'rules', '--lint-fatal', 'docs/alert-rules.yml'])).toMatchObject({ status: 0 });
  });

  it('sees them fire when they should, and no sooner', () => {
    expect(promtool(['test', 'rules', 'test/docs/alert-rules.test.yml'])).toMatchObject({
      status: 0,
      output: expect.stringContaining('SUCCESS'),
    });
  });

  it('accepts every query of the dashboard', () => {
    const dashboard = JSON.parse(readFileSync('docs/grafana-dashboard.json', 'utf8')) as Dashboard;
    const queries = dashboard.panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr));
    const rules = queries.map(
      (query, n) =>
        `      - record: query:${n}\n        expr: ${JSON.stringify(query.replaceAll('$__rate_interval', '5m'))}`,
    );
    const folder = mkdtempSync(path.join(tmpdir(), 'pgqueue-queries-'));
    const file = path.join(folder, 'queries.yml');
    writeFileSync(file, `groups:\n  - name: dashboard\n    rules:\n${rules.join('\n')}\n`);
    const { status, output } = promtool(['check', 'rules', file]);
    rmSync(folder, { recursive: true });
    expect({ status, output }).toMatchObject({ status: 0 });
  });
});

const Work = defineTask({ kind: 1, name: 'work' });

class Worker {
  @TaskHandler(Work, { attemptTimeout: '1m', backoff: noJitter('1m') })
  async work() {}
}

interface Panel {
  id: number;
  type: string;
  title: string;
  description?: string;
  datasource?: unknown;
  gridPos: { x: number; y: number; w: number; h: number };
  targets?: { refId: string; expr: string; datasource: unknown; legendFormat: string }[];
}

interface Dashboard {
  uid: string;
  title: string;
  schemaVersion: number;
  panels: Panel[];
  templating: { list: { name: string; type: string; query: string | { query: string } }[] };
}

function seriesOf(text: string): Map<string, Map<string, Set<string>>> {
  const found = new Map<string, Map<string, Set<string>>>();
  for (const [, name, labels = ''] of text.matchAll(/^([a-z]\w*)(?:\{(.*)\})? \S+$/gm)) {
    const values = found.get(name!) ?? new Map<string, Set<string>>();
    found.set(name!, values);
    for (const [, label, value] of labels.matchAll(/(\w+)="([^"]*)"/g)) {
      values.set(label!, (values.get(label!) ?? new Set()).add(value!));
    }
  }
  return found;
}

/** What an expression asks for that no scrape has: names, labels, and the values of labels. */
function unknownIn(expression: string): string[] {
  const selectors = [...expression.matchAll(/\b(pgqueue_\w+)(?:\{([^}]*)\})?/g)];
  const known = new Set(TARGET_LABELS);
  const unknown = selectors.flatMap(([, name, matchers = '']) => {
    const labels = scraped.series.get(name!);
    if (!labels) {
      return [name!];
    }
    [...labels.keys()].forEach((label) => known.add(label));
    return [...matchers.matchAll(/(\w+)(?:=~?|!=|!~)"([^"]*)"/g)].flatMap(([, label, value]) => {
      if (TARGET_LABELS.includes(label!)) {
        return [];
      }
      const values = labels.get(label!);
      const wanted = value!.startsWith('$') ? [] : value!.split('|');
      return values
        ? wanted.filter((one) => !values.has(one)).map((one) => `${name}{${label}="${one}"}`)
        : [`${name}{${label}}`];
    });
  });
  const grouped = [...expression.matchAll(/\b(?:by|on) \(([^)]*)\)/g)].flatMap(([, list]) =>
    list!.split(/,\s*/),
  );
  return [...unknown, ...grouped.filter((label) => !known.has(label))];
}

const expressionsOf = ({ panels, templating }: Dashboard) => [
  ...panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr)),
  ...templating.list.flatMap(({ query }) => (typeof query === 'string' ? [] : [query.query])),
];

/** The metrics in a table of the documentation, with their labels. */
const rowsOf = (part: string, besides: string[]) =>
  [...part.matchAll(/^\| `(pgqueue_\w+)` *\| \w+ *\| (.*?) \|/gm)].map(([, name, labels]) => [
    name!,
    [...labels!.matchAll(/`(\w+)`/g)]
      .map(([, label]) => label!)
      .concat(besides)
      .toSorted(),
  ]);

/** Put on by Prometheus. */
const TARGET_LABELS = ['job', 'instance'];

/** An application, and what a scrape of it shows: by the series' names, the values of each label. */
async function scrapeOnce({ url }: TestDatabase) {
  register.clear();
  const testing = await Test.createTestingModule({
    imports: [typeOrm(url), PgQueueModule.forRoot(), ObservabilityModule],
    providers: [Worker],
  })
    .setLogger(false as never)
    .compile();
  const app = testing.createNestApplication();
  await app.listen(0, '127.0.0.1');
  const exposition = await (await fetch(`${await app.getUrl()}/metrics`)).text();
  return { exposition, series: seriesOf(exposition), close: () => app.close() };
}
