/** Where a URL leads within the dashboard. */
export interface MountedUrl {
  /** What stands below the dashboard's path, without the slash between; null where not even a slash does. */
  readonly name: string | null;
  readonly query: URLSearchParams;
  /** The same URL with a slash behind its path, relative to itself. */
  readonly withSlash: string;
}

/**
 * Finds the dashboard's own part of URLs. Nest mounts it below the global prefix, and below a version where versions are in the
 * path; its adapters don't agree in what they tell of that.
 */
export class MountPath {
  private readonly pattern: RegExp;

  constructor(path: string, globalPrefix: string) {
    const prefix = globalPrefix.replaceAll(/^\/+|\/+$/g, '');
    const prefixed = prefix === '' ? '' : `(?:/${patternOf(prefix)})?`;
    this.pattern = new RegExp(`^${prefixed}(?:/[^/]+)??/${patternOf(path)}(?:/(?<name>.*))?$`, 'i');
  }

  find(url: string): MountedUrl | null {
    const [, path = '', search = ''] = /^([^?]*)(.*)$/.exec(url) ?? [];
    const found = this.pattern.exec(path);
    return (
      found && {
        name: found.groups?.['name'] ?? null,
        query: new URLSearchParams(search),
        withSlash: `${path.slice(path.lastIndexOf('/') + 1)}/${search}`,
      }
    );
  }
}

/** A prefix may have parameters. */
function patternOf(path: string): string {
  return path.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`).replaceAll(/:\w+/g, '[^/]+');
}
