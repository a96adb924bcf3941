/** 1-based lines and columns of ascending offsets of a text, in one pass over it. */
export class PositionTracker {
  readonly #text: string;
  #searched = 0;
  #line = 1;
  #lineStart = 0;

  constructor(text: string) {
    this.#text = text;
  }

  at(offset: number): { line: number; column: number } {
    for (;;) {
      const lineBreak = this.#text.indexOf('\n', this.#searched);
      if (lineBreak === -1 || lineBreak >= offset) break;
      this.#line++;
      this.#lineStart = lineBreak + 1;
      this.#searched = lineBreak + 1;
    }
    return { line: this.#line, column: offset - this.#lineStart + 1 };
  }
}
