/**
 * A Hugging Face hub on this machine: the API as `@huggingface/hub` calls it, files behind the redirects of the real one (git files
 * within the hub, LFS files on a storage server of another origin), and every way to misbehave that a test may ask for.
 */
import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gzipSync } from 'node:zlib';

export type Misbehaviour =
  /** The connection breaks after this many bytes of the body. */
  | { readonly kind: 'cut'; readonly after: number }
  /** The body ends in good order after this many bytes, without having told its length. */
  | { readonly kind: 'end-early'; readonly after: number }
  /** Content-Length says so many bytes more (or fewer) than the file has. */
  | { readonly kind: 'wrong-length'; readonly difference: number }
  /** Sends more than the file, without telling a length. */
  | { readonly kind: 'too-long'; readonly by: number }
  | { readonly kind: 'corrupt'; readonly at: number }
  /** All zeros, in the right length: what a preallocated file holds. */
  | { readonly kind: 'zeros' }
  | { readonly kind: 'ignore-range' }
  /** Answers another range than the one asked for, `by` bytes later. */
  | { readonly kind: 'shift-range'; readonly by: number }
  | { readonly kind: 'refuse-range' }
  | { readonly kind: 'etag'; readonly value: string | null; readonly ignoresIfRange: boolean }
  | { readonly kind: 'gzip' }
  /** Sends this many bytes and then nothing, with the connection open. */
  | { readonly kind: 'stall'; readonly after: number }
  | { readonly kind: 'redirect'; readonly to: string }
  | {
      readonly kind: 'status';
      readonly status: number;
      readonly headers?: Readonly<Record<string, string>>;
      readonly body?: string;
    };

export interface HubRequest {
  readonly server: 'hub' | 'storage';
  /** bytes: the request that is answered with the file itself. */
  readonly what: 'info' | 'tree' | 'resolve' | 'bytes';
  /** Within the repository; empty for info and tree. */
  readonly path: string;
  readonly url: string;
  readonly authorization: string | undefined;
  readonly range: string | undefined;
  readonly ifRange: string | undefined;
  readonly acceptEncoding: string | undefined;
}

export interface HostedRepository {
  readonly kind: 'model' | 'dataset';
  readonly name: string;
  /** Branch or tag → commit; a commit also names itself. */
  readonly revisions: Record<string, string>;
  /** Of every commit alike. */
  readonly files: Map<string, Uint8Array>;
  /** Files that are kept as LFS: SHA-256, on the storage server. */
  readonly lfs: ReadonlySet<string>;
}

type Found = readonly [HostedRepository, commit: string] | 'no-repository' | 'no-revision';

export class HubServer {
  readonly #hub: Server;
  readonly #storage: Server;
  readonly #repositories: HostedRepository[] = [];
  /** Every request so far. */
  requests: HubRequest[] = [];
  /** Bytes of file bodies sent so far. */
  bytesSent = 0;
  /** How to answer a request otherwise than well. */
  misbehave: (request: HubRequest) => Misbehaviour | null = () => null;
  entriesPerPage = 3;

  private constructor() {
    this.#hub = createServer((request, response) => this.#onHub(request, response));
    this.#storage = createServer((request, response) => this.#onStorage(request, response));
  }

  static async start(): Promise<HubServer> {
    const server = new HubServer();
    for (const one of [server.#hub, server.#storage]) {
      await new Promise<void>((resolve) => one.listen(0, '127.0.0.1', resolve));
    }
    return server;
  }

  async stop(): Promise<void> {
    for (const one of [this.#hub, this.#storage]) {
      one.closeAllConnections();
      await new Promise((resolve) => one.close(resolve));
    }
  }

  get endpoint(): string {
    return addressOf(this.#hub);
  }
  get storage(): string {
    return addressOf(this.#storage);
  }

  host(repository: HostedRepository): void {
    this.#repositories.push(repository);
  }

  /** Forgets requests and repositories, and behaves. */
  reset(): void {
    this.requests = [];
    this.bytesSent = 0;
    this.#repositories.length = 0;
    this.misbehave = () => null;
  }

  #onHub(message: IncomingMessage, response: ServerResponse): void {
    const url = new URL(message.url ?? '', this.endpoint);
    const api = /^\/api\/(model|dataset)s\/(.+?)\/(revision|tree)\/([^/]+)$/.exec(url.pathname);
    const file = /^\/(cache\/)?(datasets\/)?(.+?)\/resolve\/([^/]+)\/(.+)$/.exec(url.pathname);
    if (api !== null) {
      const what = api[3] === 'tree' ? 'tree' : 'info';
      const request = this.#record(message, 'hub', what, '');
      const found = this.#find(api[1] as 'model' | 'dataset', api[2] ?? '', decodeURIComponent(api[4] ?? ''));
      this.#answer(request, response, found, (repository, commit) => {
        if (what === 'tree') this.#sendTree(repository, url, response);
        else sendJson(response, { _id: '1', id: repository.name, private: false, gated: false, sha: commit });
      });
    } else if (file !== null) {
      const path = decodeURIComponent(file[5] ?? '');
      const request = this.#record(message, 'hub', file[1] === undefined ? 'resolve' : 'bytes', path);
      const found = this.#find(file[2] === undefined ? 'model' : 'dataset', file[3] ?? '', file[4] ?? '');
      this.#answer(request, response, found, (repository, commit, wrong) => {
        const content = repository.files.get(path);
        if (content === undefined) return refuse(response, 404, 'EntryNotFound');
        if (file[1] !== undefined) return this.#sendFile(request, response, content, gitBlobId(content), wrong);
        const location = repository.lfs.has(path)
          ? `${this.storage}/${repository.kind}/${repository.name}/${encodeURIComponent(path)}?X-Signature=secret-of-the-link`
          : `/cache${url.pathname}`;
        response.writeHead(repository.lfs.has(path) ? 302 : 307, { location, 'x-repo-commit': commit }).end();
      });
    } else {
      this.#record(message, 'hub', 'info', '');
      refuse(response, 404);
    }
  }

  #onStorage(message: IncomingMessage, response: ServerResponse): void {
    const url = new URL(message.url ?? '', this.storage);
    const [kind, ...rest] = url.pathname.slice(1).split('/');
    const path = decodeURIComponent(rest.pop() ?? '');
    const request = this.#record(message, 'storage', 'bytes', path);
    const repository = this.#repositories.find((one) => one.kind === kind && one.name === rest.join('/'));
    const content = repository?.files.get(path);
    if (repository === undefined || content === undefined) {
      refuse(response, 404);
      return;
    }
    this.#answer(request, response, [repository, ''], (_, __, wrong) =>
      this.#sendFile(request, response, content, sha256(content), wrong),
    );
  }

  #record(message: IncomingMessage, server: HubRequest['server'], what: HubRequest['what'], path: string): HubRequest {
    const { authorization, range, 'accept-encoding': acceptEncoding } = message.headers;
    const ifRange = message.headers['if-range'] as string | undefined;
    const request = { server, what, path, url: message.url ?? '', authorization, range, ifRange, acceptEncoding };
    this.requests.push(request);
    return request;
  }

  #find(kind: string, name: string, revision: string): Found {
    const repository = this.#repositories.find((one) => one.kind === kind && one.name === name);
    if (repository === undefined) return 'no-repository';
    const commit = Object.values(repository.revisions).includes(revision) ? revision : repository.revisions[revision];
    return commit === undefined ? 'no-revision' : [repository, commit];
  }

  #answer(
    request: HubRequest,
    response: ServerResponse,
    found: Found,
    send: (repository: HostedRepository, commit: string, wrong: Misbehaviour | null) => void,
  ): void {
    const wrong = this.misbehave(request);
    if (wrong?.kind === 'status') response.writeHead(wrong.status, wrong.headers ?? {}).end(wrong.body ?? '');
    else if (wrong?.kind === 'redirect') response.writeHead(302, { location: wrong.to }).end();
    else if (wrong?.kind === 'cut' && request.what !== 'bytes') response.destroy();
    // The real hub does not tell readers without a token what exists.
    else if (found === 'no-repository')
      refuse(response, request.authorization === undefined ? 401 : 404, 'RepoNotFound');
    else if (found === 'no-revision') refuse(response, 404, 'RevisionNotFound');
    else send(...found, wrong);
  }

  #sendTree(repository: HostedRepository, url: URL, response: ServerResponse): void {
    const folders = new Set([...repository.files.keys()].flatMap((path) => path.split('/').slice(0, -1)));
    const entries: object[] = [...folders].map((path) => ({ type: 'directory', path, size: 0, oid: '0'.repeat(40) }));
    for (const [path, content] of repository.files) {
      const lfs = { oid: sha256(content), size: content.length, pointerSize: 130 };
      entries.push({
        type: 'file',
        path,
        size: content.length,
        oid: gitBlobId(content),
        ...(repository.lfs.has(path) ? { lfs } : {}),
      });
    }
    const start = Number(url.searchParams.get('cursor') ?? 0);
    const end = start + this.entriesPerPage;
    const next = new URL(url);
    next.searchParams.set('cursor', `${end}`);
    sendJson(response, entries.slice(start, end), end < entries.length ? { link: `<${next.href}>; rel="next"` } : {});
  }

  #sendFile(
    request: HubRequest,
    response: ServerResponse,
    content: Uint8Array,
    digest: string,
    wrong: Misbehaviour | null,
  ): void {
    const etag = wrong?.kind === 'etag' ? wrong.value : `"${digest}"`;
    const asked = Number(/^bytes=(\d+)-$/.exec(request.range ?? '')?.[1] ?? 0);
    const ignored = wrong?.kind === 'etag' && wrong.ignoresIfRange;
    const fresh = request.ifRange === undefined || request.ifRange === etag || ignored;
    const ranged = request.range !== undefined && fresh && wrong?.kind !== 'ignore-range' && wrong?.kind !== 'gzip';
    if (ranged && (asked >= content.length || wrong?.kind === 'refuse-range')) {
      response.writeHead(416, { 'content-range': `bytes */${content.length}` }).end();
      return;
    }
    const start = Math.min(content.length, ranged ? asked + (wrong?.kind === 'shift-range' ? wrong.by : 0) : 0);
    const headers: Record<string, string> = {
      'accept-ranges': 'bytes',
      ...(etag === null ? {} : { etag }),
      ...(ranged ? { 'content-range': `bytes ${start}-${content.length - 1}/${content.length}` } : {}),
    };
    let body: Uint8Array = Uint8Array.from(content.subarray(start));
    let length: number | null = body.length;
    switch (wrong?.kind) {
      case 'zeros':
        body.fill(0);
        break;
      case 'corrupt':
        if (body.length > 0) body[wrong.at % body.length]! ^= 0xff;
        break;
      case 'too-long':
        body = Buffer.concat([body, Buffer.alloc(wrong.by, 7)]);
        length = null;
        break;
      case 'end-early':
        body = body.subarray(0, wrong.after);
        length = null;
        break;
      case 'wrong-length':
        length = Math.max(0, length + wrong.difference);
        body = body.subarray(0, length);
        break;
      case 'gzip':
        body = gzipSync(body);
        length = body.length;
        headers['content-encoding'] = 'gzip';
        break;
      default:
    }
    if (length !== null) headers['content-length'] = `${length}`;
    response.writeHead(ranged ? 206 : 200, headers);
    const sent = wrong?.kind === 'cut' || wrong?.kind === 'stall' ? body.subarray(0, wrong.after) : body;
    this.bytesSent += sent.length;
    if (wrong?.kind === 'stall') {
      response.flushHeaders();
      response.write(sent);
    } else if (wrong?.kind === 'cut' || wrong?.kind === 'wrong-length') {
      response.flushHeaders();
      response.write(sent, () => response.destroy());
    } else {
      response.end(sent);
    }
  }
}

export function gitBlobId(content: Uint8Array): string {
  return createHash('sha1').update(`blob ${content.length}\0`).update(content).digest('hex');
}

export function sha256(content: Uint8Array): string {
  return createHash('sha256').update(content).digest('hex');
}

function addressOf(server: Server): string {
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

function sendJson(response: ServerResponse, value: unknown, headers: Record<string, string> = {}): void {
  response.writeHead(200, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(value));
}

function refuse(response: ServerResponse, status: number, code?: string): void {
  response.writeHead(status, code === undefined ? {} : { 'x-error-code': code }).end('refused');
}
