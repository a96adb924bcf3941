/** A dataset as the editor has it: lines that can be edited. */
import type { DatasetText } from '../../src/extension/dataset/dataset_rows.ts';
import type { TextChanges } from '../../src/extension/inline/document_index.ts';

export interface Place {
  /** 0-based, both. */
  readonly line: number;
  readonly character: number;
}

export class FakeDocument implements DatasetText {
  readonly fileName: string;
  version = 1;
  /** The lines that were read, when somebody wants to know. */
  reads: string[] | undefined;
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
    const text = this.#line(line);
    this.reads?.push(text);
    return { text };
  }

  getText(): string {
    return this.#lines.join('\n');
  }

  /** Replaces what is between two places and returns the change as VS Code would tell it. */
  edit(start: Place, end: Place, text: string): TextChanges {
    const before = this.#line(start.line).slice(0, start.character);
    const after = this.#line(end.line).slice(end.character);
    const lines = `${before}${text}${after}`.split('\n');
    this.#lines = [...this.#lines.slice(0, start.line), ...lines, ...this.#lines.slice(end.line + 1)];
    this.version++;
    return [{ text, range: { start, end } as TextChanges[number]['range'] }];
  }

  /** Replaces whole lines `first` to `last`. */
  editLines(first: number, last: number, lines: readonly string[]): TextChanges {
    const end = { line: last, character: this.#line(last).length };
    return this.edit({ line: first, character: 0 }, end, lines.join('\n'));
  }

  #line(line: number): string {
    const text = this.#lines[line];
    if (text === undefined) throw new Error(`no line ${line}`);
    return text;
  }
}
