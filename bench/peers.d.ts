/** What only bench/node_modules has: the type check of the whole project must not need it. */
declare module 'bullmq';
declare module 'graphile-worker';
declare module 'ioredis';
declare module 'pg-boss';
declare module 'vega';
declare module 'vega-lite';
