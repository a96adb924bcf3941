/** Gets what a person names from a hub, as `latro pull` and the palette both do it. */
import { join, resolve } from 'node:path';
import type { Clock } from '../common/clock.ts';
import type { FileSystem } from '../common/file_system.ts';
import { AccessToken } from '../hub/access_token.ts';
import { HubEndpoint } from '../hub/hub_endpoint.ts';
import { folderNameOf, type HubSource, parseHubSource } from '../hub/hub_source.ts';
import type { PullProgress } from '../hub/progress_meter.ts';
import { type PullResult, pull } from '../hub/pull.ts';
import { systemPullWorld } from '../hub/pull_world.ts';
import type { Processes } from '../runs/processes.ts';
import { RunLock } from '../runs/run_lock.ts';

export interface PullSourceRequest {
  /** `OWNER/MODEL[@REVISION]` or `datasets/OWNER/NAME[@REVISION]`. */
  readonly source: string;
  /** Relative paths start here. */
  readonly base: string;
  /** Folder of its own; null: `models/OWNER--MODEL` or `datasets/OWNER--NAME`. */
  readonly folder: string | null;
  /** Empty or null: none. */
  readonly token: string | null;
  /** Empty or null: huggingface.co. */
  readonly endpoint: string | null;
}

export interface PulledSource extends PullResult {
  readonly source: HubSource;
  /** Absolute. */
  readonly folder: string;
}

interface PullSourceWorld {
  readonly files: FileSystem;
  readonly clock: Clock;
  readonly processes: Processes;
}

/** @throws LatroError as of `pull`, and `bad-request` for what is no name, token or address */
export async function pullSource(
  request: PullSourceRequest,
  { files, clock, processes }: PullSourceWorld,
  progress: (progress: PullProgress) => void,
  signal?: AbortSignal,
): Promise<PulledSource> {
  const source = parseHubSource(request.source);
  const parent = source.kind === 'model' ? 'models' : 'datasets';
  const folder = resolve(request.base, request.folder ?? join(parent, folderNameOf(source)));
  const result = await pull(
    {
      source,
      folder,
      endpoint: request.endpoint ? new HubEndpoint(request.endpoint) : new HubEndpoint(),
      token: request.token ? new AccessToken(request.token) : null,
    },
    { ...systemPullWorld((path) => RunLock.acquire(files, path, processes, clock)), files, clock },
    progress,
    signal,
  );
  return { ...result, source, folder };
}
