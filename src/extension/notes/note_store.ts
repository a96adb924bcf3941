/** Reads and writes the notes beside a dataset. The file is read anew each time: other windows and people write it too. */
import { randomUUID } from 'node:crypto';
import path from 'node:path';
import * as v from 'valibot';
import { LatroError } from '../../engine/common/errors.ts';
import { atomicWrite, type FileSystem, isMissing } from '../../engine/common/file_system.ts';
import { type NoteRecord, NotesFile, notesFile } from './notes_file.ts';

export class NoteStore {
  readonly #files: FileSystem;
  readonly #now: () => string;
  readonly #author: (dataset: string) => string | Promise<string>;
  #writing: Promise<void> = Promise.resolve();

  /** @param author who writes a note on a dataset now; empty: nobody knows */
  constructor(files: FileSystem, now: () => string, author: (dataset: string) => string | Promise<string>) {
    this.#files = files;
    this.#now = now;
    this.#author = author;
  }

  /** All notes of a dataset, in the order they were written. @throws LatroError `dataset-format` for a file that is none of ours */
  async of(dataset: string): Promise<readonly NoteRecord[]> {
    let text: string;
    try {
      text = new TextDecoder().decode(await this.#files.read(notesFile(dataset)));
    } catch (error) {
      if (isMissing(error)) return [];
      throw error;
    }
    const parsed = v.safeParse(v.pipe(v.string(), v.parseJson(), NotesFile), text);
    if (parsed.success) return parsed.output.notes;
    const where = v.getDotPath(parsed.issues[0]);
    const why = where === null ? 'it is not JSON' : `${where} is wrong`;
    const reason = `The notes in ${path.basename(notesFile(dataset))} cannot be read: ${why}.`;
    throw new LatroError('dataset-format', reason, 'Mend the file, or move it away to start anew.');
  }

  /** Stored at once and signed afterwards: finding out who writes may take seconds, in which windows are closed. */
  async add(dataset: string, rowKey: string, text: string): Promise<void> {
    const note = { id: randomUUID(), rowKey, text, author: '', time: this.#now() };
    await this.#change(dataset, (notes) => [...notes, note]);
    try {
      const author = await this.#author(dataset);
      if (author !== '') {
        await this.#change(dataset, (notes) => notes.map((each) => (each.id === note.id ? { ...each, author } : each)));
      }
    } catch {
      // It is there without a name.
    }
  }

  /** One without text is taken away. @throws LatroError `dataset-row` for one that is gone */
  edit(dataset: string, id: string, text: string): Promise<void> {
    const time = this.#now();
    return this.#change(dataset, (notes) => {
      if (!notes.some((note) => note.id === id)) {
        throw new LatroError('dataset-row', 'This note is not there any more.', 'Copy what you wrote into a new one.');
      }
      return notes.flatMap((note) => (note.id !== id ? note : text.trim() === '' ? [] : { ...note, text, time }));
    });
  }

  remove(dataset: string, id: string): Promise<void> {
    return this.#change(dataset, (notes) => notes.filter((note) => note.id !== id));
  }

  /** The row was edited where it stands: its notes stay with it. Keys map from the old content to the new. */
  moveAlong(dataset: string, keys: ReadonlyMap<string, string>): Promise<void> {
    return this.#change(dataset, (notes) =>
      notes.some(({ rowKey }) => keys.has(rowKey))
        ? notes.map((note) => ({ ...note, rowKey: keys.get(note.rowKey) ?? note.rowKey }))
        : notes,
    );
  }

  /** Returned as they were, they are not written. */
  async #change(dataset: string, change: (notes: readonly NoteRecord[]) => readonly NoteRecord[]): Promise<void> {
    const write = this.#writing.then(async () => {
      const before = await this.of(dataset);
      const notes = change(before);
      if (notes === before) return;
      const file: NotesFile = { version: 1, notes: [...notes] };
      await atomicWrite(this.#files, notesFile(dataset), `${JSON.stringify(file, null, 2)}\n`);
    });
    this.#writing = write.catch(() => {}); // one that failed does not hold up the next
    await write;
  }
}
