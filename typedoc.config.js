import { OptionDefaults } from 'typedoc';

/** @type {Partial<import('typedoc').TypeDocOptions>} */
export default {
  name: 'nestjs-pgqueue',
  entryPoints: [
    'lib/index.ts',
    'lib/dashboard/index.ts',
    'lib/health/index.ts',
    'lib/metrics/index.ts',
    'lib/tracing/index.ts',
  ],
  tsconfig: 'tsconfig.build.json',
  out: 'docs/api',
  readme: 'README.md',
  modifierTags: [...OptionDefaults.modifierTags, '@publicApi'],
  excludePrivate: true,
  excludeInternal: true,
  disableSources: true,
  githubPages: false,
  validation: { notExported: false },
  // What is inherited from Node's own classes.
  externalSymbolLinkMappings: { '@types/node': { '*': 'https://nodejs.org/api/' } },
  treatWarningsAsErrors: true,
};
