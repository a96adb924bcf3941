/** Draws one picture at a time: what is asked while one is made is in the next, however often it was asked. */
export class Redraw {
  readonly #draw: () => Promise<void>;
  #stale = false;
  #drawing: Promise<void> | undefined;

  /** @param draw makes one picture; it does not fail */
  constructor(draw: () => Promise<void>) {
    this.#draw = draw;
  }

  /** Returns when a picture is drawn that was begun after this call. */
  async ask(): Promise<void> {
    this.#stale = true;
    this.#drawing ??= this.#untilFresh().finally(() => {
      this.#drawing = undefined;
    });
    await this.#drawing;
  }

  async #untilFresh(): Promise<void> {
    while (this.#stale) {
      this.#stale = false;
      await this.#draw();
    }
  }
}
