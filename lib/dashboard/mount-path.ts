/** A URL below the mount path of the dashboard. */
export interface MountedUrl {
  /** The part behind the mount path and a slash; null when the URL ends with the mount path, without a slash. */
  readonly name: string | null;
  readonly query: URLSearchParams;
  /** The URL with a slash behind its path, relative to itself. */
  readonly withSlash: string;
}

/**
 * Finds the dashboard's part of a URL. Nest mounts the dashboard below the global prefix, and below a version when versions are in the
 * path; its adapters differ in the URL that they pass on.
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

/** A pattern of a path, whose segments may be parameters. */
function patternOf(path: string): string {
  return path.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`).replaceAll(/:\w+/g, '[^/]+');
}
