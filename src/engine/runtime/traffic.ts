/** Bytes that cross between the host and a device, counted where they do: in the runs of sessions. */
export class Traffic {
  #toDevice = 0;
  #toHost = 0;

  /** Of inputs that lie on the host, bound ones in every run. */
  get toDevice(): number {
    return this.#toDevice;
  }

  /** Of outputs that are fetched. */
  get toHost(): number {
    return this.#toHost;
  }

  sent(bytes: number): void {
    this.#toDevice += bytes;
  }

  fetched(bytes: number): void {
    this.#toHost += bytes;
  }
}
