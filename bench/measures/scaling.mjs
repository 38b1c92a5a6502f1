/** @import { Measure } from '../types.js' */
import { drain } from '../harness/drain.mjs';
import { entries, inVariants } from '../harness/entries.mjs';
import { DRAIN_COLUMNS } from './columns.mjs';

const SERVERS = [1, 2, 4];
const PROCESSES = [1, 2, 4, 8];

/** @param {number} servers @param {number} processes */
const variantOf = (servers, processes) => `${servers} × ${processes}`;

/** @type {Measure} */
export default {
  name: 'scaling',
  title: 'Drain, by servers and processes',
  about:
    'As the drain by one process, by several processes, and with the tasks spread evenly over the databases of several servers (`shards`). All servers and all processes share the one machine: what adds nothing here is what the machine has no more of, and CPU per task tells what machines of their own would add.',
  variantTitle: 'servers × processes',
  entries: inVariants(
    SERVERS.flatMap((servers) => PROCESSES.map((processes) => variantOf(servers, processes))),
    () => entries(['pgqueue']),
  ),
  columns: [...DRAIN_COLUMNS, { key: 'cores', title: 'cores in use', digits: 2 }],
  parameters: ({ quick }) => ({ tasks: quick ? 3000 : 100_000 }),
  async run(lab, { variant }, { tasks = 0 }) {
    const [servers = 1, processes = 1] = String(variant).split(' × ').map(Number);
    const figures = await drain(lab, { tasks, processes, servers });
    const { perSecond, workerCpu, serverCpu } = figures;
    const cores = ((perSecond ?? 0) * ((workerCpu ?? 0) + (serverCpu ?? 0))) / 1e6;
    return { figures: { ...figures, cores } };
  },
};
