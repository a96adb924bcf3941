/**
 * A file system in memory that can lose its power: whatever was not flushed (file contents by `flush`, names by `flushDirectory`)
 * may or may not be there afterwards, entry by entry, as on a real disk that reorders writes.
 */
import { dirname, resolve } from 'node:path';
import type { FileStatus, FileSystem, OpenMode, WriteHandle } from '../../src/engine/common/file_system.ts';

interface FileNode {
  /** In writes of the whole file system, not in milliseconds. */
  modified: number;
  content: Uint8Array;
  durable: Uint8Array;
}
interface DirectoryNode {
  entries: Map<string, TreeNode>;
  durable: Map<string, TreeNode>;
}
type TreeNode = FileNode | DirectoryNode;

export class PowerLossFileSystem implements FileSystem {
  #writes = 0;
  #root: DirectoryNode = { entries: new Map(), durable: new Map() };

  /** Loses the power. `uniform` in [0, 1) decides the fate of each unflushed thing. */
  losePower(uniform: () => number): void {
    this.#root = loseDirectory(this.#root, uniform);
  }

  async read(path: string, start = 0): Promise<Uint8Array> {
    return this.#file(path).content.slice(start);
  }
  async *readChunks(path: string): AsyncIterable<Uint8Array> {
    const { content } = this.#file(path);
    if (content.length > 0) yield content.slice();
  }

  async open(path: string, mode: OpenMode): Promise<WriteHandle> {
    const [parent, name] = this.#place(path);
    const existing = parent.entries.get(name);
    if (existing !== undefined && mode === 'create') throw systemError('EEXIST', path);
    if (existing !== undefined && 'entries' in existing) throw systemError('EISDIR', path);
    const node = existing ?? { modified: ++this.#writes, content: new Uint8Array(), durable: new Uint8Array() };
    parent.entries.set(name, node);
    if (mode === 'replace') node.content = new Uint8Array();
    return {
      write: async (bytes) => {
        const grown = new Uint8Array(node.content.length + bytes.length);
        grown.set(node.content);
        grown.set(bytes, node.content.length);
        node.content = grown;
        node.modified = ++this.#writes;
      },
      flush: async () => {
        node.durable = node.content;
      },
      close: async () => {},
    };
  }

  async truncate(path: string, bytes: number): Promise<void> {
    const node = this.#file(path);
    node.content = node.content.slice(0, bytes);
    node.modified = ++this.#writes;
  }

  async rename(from: string, to: string): Promise<void> {
    const [source, sourceName] = this.#place(from);
    const [target, targetName] = this.#place(to);
    const node = source.entries.get(sourceName);
    if (node === undefined) throw systemError('ENOENT', from);
    const replaced = target.entries.get(targetName);
    if (replaced !== undefined && 'entries' in replaced && replaced.entries.size > 0)
      throw systemError('ENOTEMPTY', to);
    source.entries.delete(sourceName);
    target.entries.set(targetName, node);
  }

  async remove(path: string): Promise<void> {
    const [parent, name] = this.#place(path);
    parent.entries.delete(name);
  }

  async makeDirectory(path: string, exclusive = false): Promise<void> {
    if (!exclusive && resolve(path) !== dirname(resolve(path))) await this.makeDirectory(dirname(resolve(path)));
    if (resolve(path) === dirname(resolve(path))) return;
    const [parent, name] = this.#place(path);
    const existing = parent.entries.get(name);
    if (existing !== undefined && exclusive) throw systemError('EEXIST', path);
    if (existing === undefined) parent.entries.set(name, { entries: new Map(), durable: new Map() });
  }

  async list(path: string): Promise<string[]> {
    const node = this.#find(path);
    return node === undefined || !('entries' in node) ? [] : [...node.entries.keys()].sort();
  }

  async status(path: string): Promise<FileStatus | null> {
    const node = this.#find(path);
    if (node === undefined) return null;
    if ('entries' in node) return { kind: 'directory', bytes: 0, modified: 0 };
    return { kind: 'file', bytes: node.content.length, modified: node.modified };
  }

  async flushDirectory(path: string): Promise<void> {
    const node = this.#find(path);
    if (node === undefined || !('entries' in node)) throw systemError('ENOENT', path);
    node.durable = new Map(node.entries);
  }

  #find(path: string): TreeNode | undefined {
    const parts = resolve(path)
      .split(/[\\/]/)
      .filter((part) => part !== '');
    let node: TreeNode | undefined = this.#root;
    for (const part of parts) node = node !== undefined && 'entries' in node ? node.entries.get(part) : undefined;
    return node;
  }
  #place(path: string): [DirectoryNode, string] {
    const parent = this.#find(dirname(resolve(path)));
    if (parent === undefined || !('entries' in parent)) throw systemError('ENOENT', path);
    return [parent, resolve(path).split(/[\\/]/).at(-1) ?? ''];
  }
  #file(path: string): FileNode {
    const node = this.#find(path);
    if (node === undefined) throw systemError('ENOENT', path);
    if ('entries' in node) throw systemError('EISDIR', path);
    return node;
  }
}

function loseDirectory(directory: DirectoryNode, uniform: () => number): DirectoryNode {
  const entries = new Map<string, TreeNode>();
  for (const name of new Set([...directory.durable.keys(), ...directory.entries.keys()])) {
    const [before, after] = [directory.durable.get(name), directory.entries.get(name)];
    const node = before === after || uniform() < 0.5 ? after : before;
    if (node === undefined) continue;
    entries.set(name, 'entries' in node ? loseDirectory(node, uniform) : loseFile(node, uniform));
  }
  return { entries, durable: new Map(entries) };
}

/** Unflushed content: kept, lost, cut short, or there in length but zero. What was flushed and then appended to stays. */
function loseFile({ modified, content, durable }: FileNode, uniform: () => number): FileNode {
  const kept = durable.every((byte, i) => content[i] === byte) ? durable.length : 0;
  const fate = content === durable ? 1 : uniform();
  let left = content;
  if (fate < 0.3) left = durable;
  else if (fate < 0.6) left = content.slice(0, kept + Math.floor(uniform() * (content.length - kept + 1)));
  else if (fate < 0.8) left = content.slice().fill(0, kept);
  return { modified, content: left, durable: left };
}

function systemError(code: string, path: string): Error {
  return Object.assign(new Error(`${code}: ${path}`), { code });
}
