/** Makes something anew, one making at a time: what is asked for while one is under way is in the next, however often it was asked. */
export class Renewal {
  readonly #make: () => Promise<void>;
  #stale = false;
  #making: Promise<void> | undefined;

  /** @param make does not fail */
  constructor(make: () => Promise<void>) {
    this.#make = make;
  }

  /** Returns after a making that was begun after this call. */
  async ask(): Promise<void> {
    this.#stale = true;
    this.#making ??= this.#untilFresh().finally(() => {
      this.#making = undefined;
    });
    await this.#making;
  }

  get isUnderWay(): boolean {
    return this.#making !== undefined;
  }

  async #untilFresh(): Promise<void> {
    while (this.#stale) {
      this.#stale = false;
      await this.#make();
    }
  }
}
