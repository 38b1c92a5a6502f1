import { createRequire } from 'node:module';
import { PrismaPg } from '@prisma/adapter-pg';
import { getPrismaClient } from '@prisma/client/runtime/client';

/** These files of Prisma's have no types. */
const load = createRequire(import.meta.url);
const COMPILER = '@prisma/client/runtime/query_compiler_fast_bg.postgresql';

/**
 * Prisma's client for a schema without models, all that raw SQL needs: what `prisma generate` would write for it. The command itself
 * would bring 230 MB more into the development dependencies.
 */
const Client = getPrismaClient({
  clientVersion: '7.10.0',
  engineVersion: '',
  previewFeatures: [],
  activeProvider: 'postgresql',
  inlineSchema: 'datasource db { provider = "postgresql" }',
  runtimeDataModel: { models: {}, enums: {}, types: {} },
  parameterizationSchema: { strings: [], graph: 'AAAA' },
  compilerWasm: {
    getRuntime: async () => load(`${COMPILER}.js`),
    getQueryCompilerWasmModule: async () =>
      new WebAssembly.Module(Buffer.from(load(`${COMPILER}.wasm-base64.js`).wasm, 'base64')),
    importName: './query_compiler_fast_bg.js',
  },
});

export function prismaClient(connectionString: string) {
  return new Client({ adapter: new PrismaPg({ connectionString }) });
}
