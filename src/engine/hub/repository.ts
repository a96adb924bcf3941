/** What a repository holds at one commit, as the hub's API tells it. */
import { datasetInfo, listFiles, modelInfo } from '@huggingface/hub';
import * as v from 'valibot';
import { LatroError } from '../common/errors.ts';
import type { HubConnection } from './hub_connection.ts';
import { describeSource } from './hub_source.ts';
import type { RetryHooks } from './retry.ts';

/** What a file's content must hash to: git's blob id (SHA-1 over a header and the content) for small files, SHA-256 for LFS files. */
export type Digest =
  | { readonly kind: 'git-blob'; readonly hex: string }
  | { readonly kind: 'sha256'; readonly hex: string };

export interface RepositoryFile {
  /** `/` between its parts; as the server says it, see `isSafePath`. */
  readonly path: string;
  readonly bytes: number;
  readonly digest: Digest;
}

const MAX_PAGES = 1000;

const Sha1 = v.pipe(v.string(), v.regex(/^[0-9a-f]{40}$/));
const Sha256 = v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/));
const Bytes = v.pipe(v.number(), v.safeInteger(), v.minValue(0));
const Info = v.looseObject({ sha: Sha1 });
const Tree = v.array(
  v.variant('type', [
    v.object({
      type: v.literal('file'),
      path: v.string(),
      size: Bytes,
      oid: Sha1,
      lfs: v.optional(v.object({ oid: Sha256, size: Bytes })),
    }),
    v.object({ type: v.picklist(['directory', 'unknown']), path: v.string() }),
  ]),
);

/** The commit that the revision of the connection's source names now. */
export async function resolveCommit(connection: HubConnection, hooks: RetryHooks): Promise<string> {
  const { source, endpoint } = connection;
  const params = {
    name: source.name,
    revision: source.revision,
    hubUrl: endpoint.base,
    additionalFields: ['sha' as const],
    fetch: connection.apiFetch(Info, hooks),
  };
  const { sha } = source.kind === 'dataset' ? await datasetInfo(params) : await modelInfo(params);
  return sha;
}

export async function listRepository(
  connection: HubConnection,
  commit: string,
  hooks: RetryHooks,
): Promise<RepositoryFile[]> {
  const { source, endpoint } = connection;
  const fetchPage = connection.apiFetch(Tree, hooks);
  let pages = 0;
  const entries = listFiles({
    repo: { type: source.kind, name: source.name },
    revision: commit,
    recursive: true,
    hubUrl: endpoint.base,
    fetch: (input, init) => {
      if (++pages > MAX_PAGES) {
        throw new LatroError(
          'download-failed',
          `${describeSource(source)} has more files than can be listed (${MAX_PAGES} pages).`,
          'Choose a smaller repository.',
        );
      }
      return fetchPage(input, init);
    },
  });
  const files: RepositoryFile[] = [];
  for await (const { type, path, size, oid, lfs } of entries) {
    if (type !== 'file') continue;
    if (lfs !== undefined) files.push({ path, bytes: lfs.size, digest: { kind: 'sha256', hex: lfs.oid } });
    else if (oid !== undefined) files.push({ path, bytes: size, digest: { kind: 'git-blob', hex: oid } });
  }
  return files;
}
