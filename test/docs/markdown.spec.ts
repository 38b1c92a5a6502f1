import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { documents, withExamples } from '../../scripts/write-examples.mjs';

const FENCED = /^(?<marker><!-- example: \S+ -->\n\n)?^```(?<language>\w*)\n(?<code>[^]*?)^```$/gm;
const LINK = /\]\(([^)\s]+)\)/g;
const HEADING = /^#{1,6} (.+)$/gm;

function blocksOf(markdown: string) {
  return [...markdown.matchAll(FENCED)].map(({ groups }) => ({
    marked: groups!['marker'] !== undefined,
    language: groups!['language']!,
    code: groups!['code']!,
  }));
}

/** Whether a link within the repository is broken; those to other sites are not looked at. */
function leadsNowhere(file: string, target: string): boolean {
  if (/^\w+:/.test(target)) {
    return false;
  }
  const [relative, anchor] = target.split('#') as [string, string?];
  const linked = relative ? path.join(path.dirname(file), relative) : file;
  return (
    !existsSync(linked) || (anchor !== undefined && !anchorsOf(readFileSync(linked, 'utf8')).includes(anchor))
  );
}

/** The anchors that hosting sites make of headings. */
function anchorsOf(markdown: string): string[] {
  return [...markdown.matchAll(HEADING)].map(([, heading]) =>
    heading!
      .toLowerCase()
      .replaceAll(/[^\w\- ]/g, '')
      .replaceAll(' ', '-'),
  );
}

function blockOf(marker: string, code: string): string {
  return `text\n\n${marker}\n\n\`\`\`ts\n${code}\`\`\`\n\nmore\n`;
}

describe.each([...documents(), 'CONTRIBUTING.md', 'CHANGELOG.md'])('%s', (file) => {
  const markdown = readFileSync(file, 'utf8');

  it('has links that lead somewhere', () => {
    expect(
      [...markdown.matchAll(LINK)]
        .map(([, target]) => target!)
        .filter((target) => leadsNowhere(file, target)),
    ).toEqual([]);
  });

  it('names commands that exist', () => {
    const { scripts } = JSON.parse(readFileSync('package.json', 'utf8')) as {
      scripts: Record<string, string>;
    };
    const targets = readFileSync('Makefile', 'utf8')
      .match(/^\.PHONY: (.*)$/m)![1]!
      .split(' ');
    const shell = blocksOf(markdown).filter(({ language }) => language === 'sh');
    const inline = [...markdown.matchAll(/`((?:make|npm run) [^`]+)`/g)].map(([, code]) => code!);
    for (const code of [...shell.map((block) => block.code), ...inline]) {
      for (const [, target] of code.matchAll(/\bmake ([\w-]+)/g)) {
        expect(targets).toContain(target);
      }
      for (const [, script] of code.matchAll(/\bnpm run ([\w:-]+)/g)) {
        expect(Object.keys(scripts)).toContain(script);
      }
      for (const [, migration] of code.matchAll(/nestjs-pgqueue\/(migrations\/\S+)/g)) {
        expect(migration).toSatisfy(existsSync);
      }
    }
  });
});

describe.each(documents())('%s', (file) => {
  const markdown = readFileSync(file, 'utf8');

  it('holds no code but that of tested files, as it is there', async () => {
    const untested = blocksOf(markdown).filter(
      ({ language, marked }) => language !== 'sh' && !(marked && ['ts', 'js', 'sql'].includes(language)),
    );
    expect(untested).toEqual([]);
    expect(markdown, 'run `npm run docs:examples`').toBe(await withExamples(markdown));
  });
});

it('holds the README under 350 lines', () => {
  expect(readFileSync('README.md', 'utf8').split('\n').length).toBeLessThan(350);
});

describe('withExamples', () => {
  it('replaces a block by its file or its region, and leaves the rest alone', async () => {
    const whole = '<!-- example: docs/examples/tour/tasks.ts -->';
    const file = readFileSync('docs/examples/tour/tasks.ts', 'utf8');
    expect(await withExamples(blockOf(whole, 'old\n'))).toBe(blockOf(whole, file));
    const region = '<!-- example: docs/examples/transactions.ts#manager -->';
    expect(await withExamples(blockOf(region, ''))).toMatch(/^await dataSource\.transaction/m);
    expect(await withExamples('```ts\nold\n```\n')).toBe('```ts\nold\n```\n');
  });

  it('refuses a region or a file that is not there', async () => {
    await expect(
      withExamples(blockOf('<!-- example: docs/examples/transactions.ts#none -->', '')),
    ).rejects.toThrow('no region "none"');
    await expect(withExamples(blockOf('<!-- example: docs/examples/none.ts -->', ''))).rejects.toThrow(
      'ENOENT',
    );
  });
});
