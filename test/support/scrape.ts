import type { Registry } from 'prom-client';

/** The series of a scrape with their values, such as `pgqueue_workers` or `pgqueue_tasks{kind="work",status="new"}`. */
export async function scrape(registry: Registry): Promise<Map<string, number>> {
  const lines = (await registry.metrics()).split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  return new Map(
    lines.map((line) => {
      const end = line.lastIndexOf(' ');
      return [line.slice(0, end), Number(line.slice(end + 1))];
    }),
  );
}
