/** @import { Measure } from '../types.js' */
import backlog from './backlog.mjs';
import crash from './crash.mjs';
import defaults from './defaults.mjs';
import drain from './drain.mjs';
import drainTwo from './drain-two.mjs';
import idle from './idle.mjs';
import memory from './memory.mjs';
import pinned from './pinned.mjs';
import push from './push.mjs';
import pushWoken from './push-woken.mjs';
import retry from './retry.mjs';
import scaling from './scaling.mjs';
import sustained from './sustained.mjs';
import wakeUp from './wake-up.mjs';
import wakeUpSlowCommits from './wake-up-slow-commits.mjs';

/** In the order in which they run and are shown. @type {readonly Measure[]} */
export const MEASURES = [
  drain,
  drainTwo,
  scaling,
  defaults,
  push,
  pushWoken,
  wakeUp,
  wakeUpSlowCommits,
  sustained,
  retry,
  crash,
  backlog,
  pinned,
  memory,
  idle,
];
