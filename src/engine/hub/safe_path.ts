/** Names from a server that may become names of files here, on every system this runs on. */

const RESERVED = /^(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³])(\.|$)/i;
// Separators, drives and streams (`C:`, `name:stream`), wildcards, control and invisible characters.
const FORBIDDEN = /[\\:*?"<>|]|\p{Cc}|\p{Cf}|\p{Cs}/u;

/**
 * True when `path` (`/` between its parts) names something below the folder it is joined to, under POSIX and under Windows rules:
 * no empty, `.` or `..` part, no drive, no device, nothing that Windows strips from an end.
 */
export function isSafePath(path: string): boolean {
  return path.length <= 400 && path.split('/').every(isSafePart);
}

function isSafePart(part: string): boolean {
  return (
    part !== '' &&
    !part.startsWith('.') &&
    !/[. ]$/.test(part) &&
    Buffer.byteLength(part) <= 200 &&
    !FORBIDDEN.test(part) &&
    !RESERVED.test(part)
  );
}

/**
 * Two paths that a file system may take for the same, or one of which is a folder of the other; null when there are none.
 * Some file systems ignore case and the form of accents.
 */
export function findCollision(paths: readonly string[]): readonly [string, string] | null {
  const files = new Map<string, string>();
  for (const path of paths) {
    const key = sameName(path);
    const other = files.get(key);
    if (other !== undefined) return [other, path];
    files.set(key, path);
  }
  for (const path of paths) {
    const key = sameName(path);
    for (let end = key.indexOf('/'); end >= 0; end = key.indexOf('/', end + 1)) {
      const other = files.get(key.slice(0, end));
      if (other !== undefined) return [other, path];
    }
  }
  return null;
}

function sameName(path: string): string {
  return path.normalize('NFKC').toUpperCase().toLowerCase();
}
