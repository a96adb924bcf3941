/** A dataset as the editor has it: lines that can be edited. */
import type { DatasetText } from '../../src/extension/dataset/dataset_rows.ts';

export interface LineEdit {
  /** 0-based, inclusive. */
  readonly first: number;
  readonly last: number;
  readonly lines: readonly string[];
}

export class FakeDocument implements DatasetText {
  readonly fileName: string;
  version = 1;
  /** How often each line was read. */
  readonly reads = new Map<string, number>();
  #lines: string[];

  constructor(fileName: string, lines: readonly string[]) {
    this.fileName = fileName;
    this.#lines = [...lines];
  }

  get lineCount(): number {
    return this.#lines.length;
  }

  get lines(): readonly string[] {
    return this.#lines;
  }

  lineAt(line: number): { text: string } {
    const text = this.#lines[line];
    if (text === undefined) throw new Error(`no line ${line}`);
    this.reads.set(text, (this.reads.get(text) ?? 0) + 1);
    return { text };
  }

  getText(): string {
    return this.#lines.join('\n');
  }

  /** Replaces whole lines and returns the change as VS Code would tell it. */
  edit({ first, last, lines }: LineEdit) {
    this.#lines.splice(first, last - first + 1, ...lines);
    this.version++;
    const position = (line: number) => ({ line }) as never;
    return [{ text: lines.join('\n'), range: { start: position(first), end: position(last) } as never }];
  }
}
