/** A download as a job: its progress in bytes, its result in words of the protocol. */
import type { JobProgress, RequestParams, RequestResult } from '../../protocol/engine_rpc.ts';
import type { PullProgress } from '../hub/progress_meter.ts';
import type { World } from '../runs/run_writer.ts';
import type { JobContext } from './engine_service.ts';
import { pullSource } from './pull_source.ts';

/** HF_TOKEN and HF_ENDPOINT serve where the client gives no token; nothing of either is ever logged. */
export type HubEnvironment = Readonly<Record<string, string | undefined>>;

export async function pullJob(
  { source, base, token }: RequestParams<'pull'>,
  { signal, progress }: Pick<JobContext, 'signal' | 'progress'>,
  world: World,
  environment: HubEnvironment,
): Promise<RequestResult<'pull'>> {
  const { HF_TOKEN, HF_ENDPOINT } = environment;
  const request = { source, base, folder: null, token: token ?? HF_TOKEN ?? null, endpoint: HF_ENDPOINT ?? null };
  const pulled = await pullSource(request, world, (state) => progress(jobProgress(state)), signal);
  const { commit, files } = pulled.record;
  return {
    kind: pulled.source.kind,
    folder: pulled.folder,
    commit,
    files: files.map(({ path, bytes }) => ({ path, bytes })),
    bytesTransferred: pulled.bytesTransferred,
  };
}

function jobProgress({ phase, file, fileNumber, files, bytesDone, bytesTotal, ...rest }: PullProgress): JobProgress {
  return {
    phase,
    done: bytesDone,
    total: bytesTotal,
    unit: 'bytes',
    ratePerSecond: rest.bytesPerSecond,
    secondsLeft: rest.secondsLeft,
    message: file === '' ? '' : `${file} (${fileNumber}/${files})`,
  };
}
