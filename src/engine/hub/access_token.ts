import { LatroError } from '../common/errors.ts';

/** A hub access token that cannot slip into a log, an error text or a file: only `authorization` gives it away. */
export class AccessToken {
  readonly #value: string;

  /** @throws LatroError `bad-request` when it cannot stand in a header; the error does not repeat it. */
  constructor(value: string) {
    this.#value = value.trim();
    if (!/^[\x21-\x7e]{1,512}$/.test(this.#value)) {
      throw new LatroError(
        'bad-request',
        'The access token is empty or holds characters that no token has.',
        'Copy it again from the settings page of the hub.',
      );
    }
  }

  /** The value of an Authorization header. */
  get authorization(): string {
    return `Bearer ${this.#value}`;
  }

  toString(): string {
    return '[access token]';
  }

  toJSON(): string {
    return this.toString();
  }
}
