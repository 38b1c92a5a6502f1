import { readdir, readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import path from 'node:path';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { PgQueueError } from '../errors/pg-queue.errors.js';

/** The files of the pages are missing in the package. */
export class DashboardFilesError extends PgQueueError {
  readonly code = 'PGQUEUE_DASHBOARD_FILES';
}

/** A file of the pages. */
export interface Asset {
  readonly type: string;
  readonly body: Buffer;
  readonly zipped: Buffer;
  /** Whether its name contains a hash of its content. */
  readonly immutable: boolean;
}

const TYPES: Record<string, string> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.ico': 'image/x-icon',
};

/** The folder of the files whose names have a hash. */
const HASHED = 'assets/';

/** The files of the pages, read once at boot, so that no path can lead to another file. */
export class DashboardAssets {
  private constructor(private readonly files: ReadonlyMap<string, Asset>) {}

  /** @throws DashboardFilesError when there is no index.html. */
  static async load(folder = builtFolder()): Promise<DashboardAssets> {
    try {
      const entries = await readdir(folder, { recursive: true, withFileTypes: true });
      const files = entries
        .filter((entry) => entry.isFile())
        .map((entry) => path.join(entry.parentPath, entry.name));
      const assets = new Map(await Promise.all(files.map((file) => load(folder, file))));
      const index = assets.get('index.html');
      if (!index) {
        throw new Error('there is no index.html');
      }
      return new DashboardAssets(assets.set('', index));
    } catch (error) {
      throw new DashboardFilesError(
        `the pages of the dashboard are not in ${folder}: in a clone of the repository, run \`npm run build\``,
        { cause: error },
      );
    }
  }

  /** @param name below the dashboard's path; an empty one is the page itself */
  find(name: string): Asset | undefined {
    return this.files.get(name);
  }
}

function builtFolder(): string {
  const manifest = createRequire(import.meta.url).resolve('nestjs-pgqueue/package.json');
  return path.join(path.dirname(manifest), 'dist', 'dashboard');
}

async function load(folder: string, file: string): Promise<[string, Asset]> {
  const name = path.relative(folder, file).split(path.sep).join('/');
  const type = TYPES[path.extname(file)] ?? 'application/octet-stream';
  const body = await readFile(file);
  const zipped = await promisify(gzip)(body);
  return [name, { type, body, zipped, immutable: name.startsWith(HASHED) }];
}
