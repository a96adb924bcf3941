import { LatroError } from '../common/errors.ts';
import type { HubSource } from './hub_source.ts';

const LOOPBACK = /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/;

/** Where a hub is, and the addresses of what it holds. */
export class HubEndpoint {
  /** Without a slash at its end. */
  readonly base: string;
  readonly origin: string;
  readonly host: string;
  /** True when nobody on the way can read what is sent: https, or this machine. */
  readonly isPrivate: boolean;

  /**
   * @param address as in HF_ENDPOINT; a path before the hub's own is allowed (mirrors)
   * @throws LatroError `bad-request`
   */
  constructor(address = 'https://huggingface.co') {
    const url = URL.canParse(address) ? new URL(address) : null;
    if (
      url === null ||
      !['http:', 'https:'].includes(url.protocol) ||
      `${url.username}${url.password}${url.search}${url.hash}` !== ''
    ) {
      // Not repeated: an address may carry a password.
      throw new LatroError(
        'bad-request',
        'The address of the hub is not a plain http or https address.',
        'Set HF_ENDPOINT to an address like https://huggingface.co, or unset it.',
      );
    }
    this.base = url.href.replace(/\/+$/, '');
    this.origin = url.origin;
    this.host = url.host;
    this.isPrivate = url.protocol === 'https:' || LOOPBACK.test(url.hostname);
  }

  /** @param path within the repository, `/` between its parts */
  fileUrl(source: HubSource, commit: string, path: string): string {
    return `${this.pageUrl(source)}/resolve/${commit}/${path.split('/').map(encodeURIComponent).join('/')}`;
  }

  /** The page for people. */
  pageUrl(source: HubSource): string {
    return `${this.base}/${source.kind === 'dataset' ? 'datasets/' : ''}${source.name}`;
  }
}
