/** Repositories, and a world to pull them into, for tests of the hub room. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '../../src/engine/common/clock.ts';
import { type FileSystem, NodeFileSystem } from '../../src/engine/common/file_system.ts';
import { AccessToken } from '../../src/engine/hub/access_token.ts';
import { HubEndpoint } from '../../src/engine/hub/hub_endpoint.ts';
import { parseHubSource } from '../../src/engine/hub/hub_source.ts';
import type { PullProgress } from '../../src/engine/hub/progress_meter.ts';
import { type PullResult, pull } from '../../src/engine/hub/pull.ts';
import type { PullWorld } from '../../src/engine/hub/pull_world.ts';
import { RunLock } from '../../src/engine/runs/run_lock.ts';
import type { HostedRepository, HubServer } from './hub_server.ts';
import { soleProcess } from './toy_run.ts';

export const COMMIT = 'c0ffee'.padEnd(40, '0');
export const OTHER_COMMIT = 'decaf'.padEnd(40, '0');
export const TOKEN = 'hf_TheTokenOfThisTest';

/** Bytes that are a pure function of (seed, length). */
export function noise(seed: number, length: number): Uint8Array {
  return length === 0 ? new Uint8Array() : createHash('shake256', { outputLength: length }).update(`${seed}`).digest();
}

const text = (content: string) => new TextEncoder().encode(content);

export function hostedModel(files: Record<string, Uint8Array | string> = {}, name = 'someone/small'): HostedRepository {
  return hosted('model', name, {
    '.gitattributes': '*.safetensors filter=lfs',
    'README.md': '# A small model',
    LICENSE: 'Apache-2.0',
    'config.json': '{"model_type":"llama"}',
    'generation_config.json': '{}',
    'special_tokens_map.json': '{}',
    'tokenizer.json': noise(1, 3000),
    'tokenizer_config.json': '{}',
    'chat_template.jinja': '{{ messages }}',
    'model.safetensors': noise(2, 40_000),
    'pytorch_model.bin': noise(3, 100),
    'onnx/model.onnx': noise(4, 100),
    'tf_model.h5': noise(5, 100),
    ...files,
  });
}

/** What of `hostedModel` is needed. */
export const NEEDED = [
  'LICENSE',
  'README.md',
  'chat_template.jinja',
  'config.json',
  'generation_config.json',
  'model.safetensors',
  'special_tokens_map.json',
  'tokenizer.json',
  'tokenizer_config.json',
];

export function hosted(
  kind: HostedRepository['kind'],
  name: string,
  files: Record<string, Uint8Array | string>,
): HostedRepository {
  const contents = Object.entries(files).map(
    ([path, content]) => [path, typeof content === 'string' ? text(content) : content] as const,
  );
  const lfs = contents.map(([path]) => path).filter((path) => /\.(safetensors|parquet|bin|onnx|h5)$/.test(path));
  return { kind, name, revisions: { main: COMMIT }, files: new Map(contents), lfs: new Set(lfs) };
}

export interface TestWorld extends PullWorld {
  /** Every wait so far, in milliseconds; none of them takes time. */
  readonly waits: number[];
}

/** @param pid of the process that pulls; any but 1000 counts as gone for others */
export function testWorld(
  files: FileSystem = new NodeFileSystem(),
  changes: Partial<PullWorld> = {},
  pid = 1000,
): TestWorld {
  const waits: number[] = [];
  return {
    files,
    clock: systemClock,
    fetch: globalThis.fetch,
    stallMilliseconds: 10_000,
    waits,
    async sleep(milliseconds) {
      waits.push(milliseconds);
    },
    freeBytes: async () => null,
    lock: (folder) => RunLock.acquire(files, folder, soleProcess(pid), systemClock),
    ...changes,
  };
}

export interface PullOptions {
  readonly world?: PullWorld;
  readonly token?: string;
  readonly progress?: (progress: PullProgress) => void;
  readonly signal?: AbortSignal;
}

export function pullFrom(
  server: HubServer,
  source: string,
  folder: string,
  options: PullOptions = {},
): Promise<PullResult> {
  const token = options.token === undefined ? null : new AccessToken(options.token);
  const request = { source: parseHubSource(source), folder, endpoint: new HubEndpoint(server.endpoint), token };
  return pull(request, options.world ?? testWorld(), options.progress ?? (() => {}), options.signal);
}

/** Names of all files below `folder`, `/` between their parts, sorted. */
export async function filesBelow(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  for (const entry of entries) assert.ok(!entry.isSymbolicLink(), `${entry.name} is a link`);
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) =>
      join(entry.parentPath, entry.name)
        .slice(folder.length + 1)
        .replaceAll('\\', '/'),
    )
    .sort();
}

/** Whatever happened: a file that bears a final name is, byte for byte, the hub's. */
export async function assertNothingWrong(folder: string, repository: HostedRepository): Promise<void> {
  for (const path of await filesBelow(folder).catch(() => [])) {
    if (/\.partial(\.origin)?$|\.lock$/.test(path) || path === 'latro-source.json') continue;
    const expected = repository.files.get(path);
    assert.ok(expected !== undefined, `${path} is none of the repository's files`);
    assert.ok(expected.length === (await readFile(join(folder, path))).length, `${path} has another length`);
    assert.ok(Buffer.compare(expected, await readFile(join(folder, path))) === 0, `${path} has another content`);
  }
}

export async function temporaryFolder(): Promise<{ readonly path: string; remove(): Promise<void> }> {
  const path = await mkdtemp(join(tmpdir(), 'latro-hub-'));
  return { path, remove: () => rm(path, { recursive: true, force: true }) };
}
