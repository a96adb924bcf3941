/** One file: resumed where it was cut, begun again where it cannot be, given its name only once its content is proved. */
import { LatroError } from '../common/errors.ts';
import type { HubConnection, HubResponse } from './hub_connection.ts';
import { describeSource } from './hub_source.ts';
import { PartialFile } from './partial_file.ts';
import type { ProgressMeter } from './progress_meter.ts';
import type { PullWorld } from './pull_world.ts';
import type { RepositoryFile } from './repository.ts';
import { retry, TransientFailure } from './retry.ts';
import { verifiedSha256 } from './verify_file.ts';

/** How often a file is transferred as a whole when what arrives is not what the hub promises. */
const WHOLE_TRANSFERS = 2;

export interface DownloadContext {
  readonly connection: HubConnection;
  readonly commit: string;
  readonly world: PullWorld;
  readonly meter: ProgressMeter;
  readonly signal: AbortSignal | undefined;
}

/**
 * Downloads `file` to `finalPath`, whose folder exists, and returns its SHA-256. What has arrived when it fails or is cancelled
 * stays as `finalPath.partial` for the next time.
 * @throws LatroError `download-damaged` when the content is wrong again and again; what `HubConnection.get` and the disk refuse
 */
export async function downloadFile(file: RepositoryFile, finalPath: string, context: DownloadContext): Promise<string> {
  const { world, meter, signal, connection } = context;
  const partial = await PartialFile.open(world.files, finalPath, file);
  // A leftover of an earlier pull may be damaged without the server's doing.
  let transfers = (await partial.bytes()) > 0 ? -1 : 0;
  for (;;) {
    let arrived = 0;
    // Attempts that come a hundredth farther than all before do not count, so there are at most 100 of them.
    let farthest = 0;
    const hasAdvanced = () => {
      if (arrived < farthest + Math.max(1, file.bytes / 100)) return false;
      farthest = arrived;
      return true;
    };
    await retry(
      world,
      signal,
      async () => {
        try {
          await transfer(file, partial, context);
        } finally {
          arrived = await partial.bytes();
        }
      },
      { hasAdvanced, waiting: () => meter.phase('waiting') },
    );
    await partial.flush();
    meter.phase('verifying');
    const sha256 = await verifiedSha256(world.files, partial.path, file, signal);
    if (sha256 !== null) {
      await partial.finish();
      return sha256;
    }
    await partial.restart(null);
    if (++transfers >= WHOLE_TRANSFERS) {
      throw new LatroError(
        'download-damaged',
        `${file.path} of ${describeSource(connection.source)} arrived ${transfers} times with another content than ${connection.endpoint.host} promises (${file.digest.kind} ${file.digest.hex}).`,
        'Pull again from another network; if it stays, tell the owner of the repository.',
      );
    }
  }
}

/** Asks for what is missing and appends it. @throws TransientFailure when less came than is missing */
async function transfer(file: RepositoryFile, partial: PartialFile, context: DownloadContext): Promise<void> {
  const { connection, commit, meter } = context;
  const start = await partial.bytes();
  meter.resumeAt(start);
  if (start === file.bytes) return;
  const response = await connection.get(connection.endpoint.fileUrl(connection.source, commit, file.path), {
    headers: {
      // Compressed, neither ranges nor lengths would be those of the file.
      'accept-encoding': 'identity',
      ...(start === 0 ? {} : { range: `bytes=${start}-` }),
      ...(start === 0 || partial.etag === null ? {} : { 'if-range': partial.etag }),
    },
  });
  if (response.status === 200) {
    const announced = announcedBytes(response);
    if (announced !== null && announced !== file.bytes) {
      await response.discard();
      throw broken(file, context, `has ${announced} bytes there instead of ${file.bytes}`);
    }
    await partial.restart(strongEtag(response));
    meter.resumeAt(0);
  } else if (!continues(response, start, file.bytes, partial.etag)) {
    await response.discard();
    await partial.restart(null);
    throw broken(file, context, 'could not be continued where it was cut');
  }
  const missing = file.bytes - (await partial.bytes());
  await partial.append(metered(response.body(), missing, meter));
  if ((await partial.bytes()) < file.bytes) throw broken(file, context, 'was cut');
}

/** True when the answer is the rest, from `start`, of the content whose beginning is there. */
function continues(response: HubResponse, start: number, bytes: number, etag: string | null): boolean {
  const range = /^bytes (\d+)-\d+\/(\d+|\*)$/.exec(response.headers.get('content-range') ?? '');
  const current = strongEtag(response);
  return (
    start > 0 &&
    response.status === 206 &&
    !isEncoded(response) &&
    Number(range?.[1]) === start &&
    (range?.[2] === '*' || Number(range?.[2]) === bytes) &&
    (etag === null || current === null || current === etag)
  );
}

/** The first `most` bytes; what a server sends beyond them is not read. */
async function* metered(body: AsyncIterable<Uint8Array>, most: number, meter: ProgressMeter) {
  let left = most;
  for await (const chunk of body) {
    const wanted = chunk.subarray(0, left);
    yield wanted;
    meter.receive(wanted.length);
    left -= wanted.length;
    if (left === 0) return;
  }
}

function announcedBytes(response: HubResponse): number | null {
  const length = response.headers.get('content-length');
  return length === null || isEncoded(response) ? null : Number(length);
}

function isEncoded(response: HubResponse): boolean {
  return (response.headers.get('content-encoding') ?? 'identity') !== 'identity';
}

function strongEtag(response: HubResponse): string | null {
  const etag = response.headers.get('etag');
  return etag !== null && /^"[\x21\x23-\x7e]*"$/.test(etag) ? etag : null;
}

function broken(file: RepositoryFile, { connection }: DownloadContext, what: string): TransientFailure {
  return new TransientFailure(
    new LatroError(
      'download-failed',
      `The transfer of ${file.path} from ${connection.endpoint.host} did not succeed: it ${what}.`,
      'Check the network and pull again; what has arrived is kept.',
    ),
  );
}
