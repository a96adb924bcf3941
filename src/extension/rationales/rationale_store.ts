/**
 * What was sampled, edited, pinned or traced on request, kept beside the runs: one file per question under `.latro/rationales/`, named by
 * the row's content key, so that it outlives the window and follows the row wherever it is moved. The oldest go when there is no room,
 * but never what a person wrote or pinned: that stays until it is discarded.
 * Other windows write the files too: one is read again when it has changed, and before every change.
 */
import path from 'node:path';
import * as v from 'valibot';
import {
  atomicWrite,
  type FileStatus,
  type FileSystem,
  isMissing,
  makeDirectoryDurably,
} from '../../engine/common/file_system.ts';
import { PrefixScore, RationaleSet } from '../../protocol/rationale_messages.ts';

const KeptSet = v.object({
  /** Whose weights: a run's id, or the folder of a model. */
  owner: v.string(),
  /** Tells these weights from others of the same name, which a run that is rolled back makes; absent where nothing does. */
  weights: v.optional(v.string()),
  set: RationaleSet,
});
export type KeptSet = v.InferOutput<typeof KeptSet>;
const KeptTrace = v.object({
  /** Both as in `KeptSet`. */
  owner: v.string(),
  weights: v.optional(v.string()),
  checkpoint: v.string(),
  rationale: v.string(),
  scores: v.array(PrefixScore),
  by: v.string(),
});
export type KeptTrace = v.InferOutput<typeof KeptTrace>;

/** Both oldest first. */
const KeptQuestion = v.object({ version: v.literal(1), sets: v.array(KeptSet), traces: v.array(KeptTrace) });
export type KeptQuestion = v.InferOutput<typeof KeptQuestion>;

const IndexEntry = v.object({
  rowKey: v.string(),
  bytes: v.number(),
  /** With a person's own text; absent where it is not known. */
  own: v.optional(v.boolean()),
});
type IndexEntry = v.InferOutput<typeof IndexEntry>;
/** Files from the one written longest ago to the newest, with their sizes. */
const Index = v.object({ version: v.literal(1), files: v.array(IndexEntry) });
type Index = v.InferOutput<typeof Index>;

/** Ids of the rationales that are pinned, by row key. */
export type Pins = Readonly<Record<string, readonly string[]>>;

/** What a set was sampled with. */
export type KeptUnder = Pick<KeptSet, 'owner' | 'weights'> & { readonly checkpoint: string };

export interface StoreBounds {
  /** Of questions in which nothing is a person's, and what their files take together. */
  readonly questions: number;
  readonly bytes: number;
  readonly bytesPerQuestion: number;
}

/** The largest set the panel asks for (64 rationales of 500 tokens) takes 2 MB: three of a question, for base, previous and current. */
const BOUNDS: StoreBounds = { questions: 200, bytes: 64_000_000, bytesPerQuestion: 8_000_000 };
const INDEX = 'index.json';
const NOTHING: KeptQuestion = { version: 1, sets: [], traces: [] };

interface Known {
  readonly kept: KeptQuestion;
  /** Of the file it was read from: null without a file, undefined when it is to be read again. */
  readonly stamp: string | null | undefined;
  /** In memory alone: it is being written, or the disk has refused it. */
  readonly unsaved: boolean;
}

export class RationaleStore {
  readonly #files: FileSystem;
  readonly #folder: string;
  readonly #bounds: StoreBounds;
  readonly #warn: (message: string) => void;
  readonly #pins: () => Pins;
  /** What has been read or written in this window; newest last. */
  readonly #known = new Map<string, Known>();
  #writing: Promise<void> = Promise.resolve();

  /**
   * @param folder made when the first question is kept
   * @param pins all there are now
   */
  constructor(
    files: FileSystem,
    folder: string,
    warn: (message: string) => void,
    bounds: StoreBounds = BOUNDS,
    pins: () => Pins = () => ({}),
  ) {
    this.#files = files;
    this.#folder = folder;
    this.#warn = warn;
    this.#bounds = bounds;
    this.#pins = pins;
  }

  async of(rowKey: string): Promise<KeptQuestion> {
    const known = this.#known.get(rowKey);
    if (known?.unsaved === true) return known.kept;
    const stamp = await this.#stamp(rowKey);
    // What was read or changed in the meantime is newer than this look at the disk.
    const now = this.#known.get(rowKey);
    if (now !== undefined && (now !== known || now.stamp === stamp)) return now.kept;
    const kept = (await this.#read(this.#file(rowKey), KeptQuestion)) ?? NOTHING;
    const later = this.#known.get(rowKey);
    return later !== known && later !== undefined
      ? later.kept
      : this.#remember(rowKey, { kept, stamp, unsaved: false });
  }

  /** Takes the place of what the question had under these weights. */
  addSet(rowKey: string, added: KeptSet): Promise<void> {
    const { owner, weights, set } = added;
    const others = without({ owner, weights, checkpoint: set.checkpoint });
    return this.#change(rowKey, ({ sets, traces }) => ({ sets: [...sets.filter(others), added], traces }), added);
  }

  removeSet(rowKey: string, gone: KeptUnder): Promise<void> {
    return this.#change(rowKey, ({ sets, traces }) => ({ sets: sets.filter(without(gone)), traces }));
  }

  addTrace(rowKey: string, trace: KeptTrace): Promise<void> {
    const same = (each: KeptTrace) =>
      each.owner === trace.owner && each.checkpoint === trace.checkpoint && each.rationale === trace.rationale;
    const added = ({ sets, traces }: KeptQuestion) => ({
      sets,
      traces: [...traces.filter((each) => !same(each)), trace],
    });
    return this.#change(rowKey, added, trace);
  }

  /** What is in memory is changed even where the disk refuses: the person has waited for it. */
  async #change(
    rowKey: string,
    change: (kept: KeptQuestion) => Omit<KeptQuestion, 'version'>,
    added?: KeptSet | KeptTrace,
  ): Promise<void> {
    const write = this.#writing.then(async () => {
      const kept = this.#fitting(rowKey, { version: 1, ...change(await this.of(rowKey)) }, added);
      this.#remember(rowKey, { kept, stamp: undefined, unsaved: true });
      const bytes = await this.#write(rowKey, kept);
      const status = await this.#files.status(this.#file(rowKey));
      // Another window may have written it since: then it is read again.
      const isOurs = status !== null && status.bytes === bytes;
      this.#remember(rowKey, { kept, stamp: isOurs ? stampOf(status) : undefined, unsaved: false });
    });
    this.#writing = write.catch(() => {}); // one that failed does not hold up the next
    await write;
  }

  /** What has just been added always stays, and what a person wrote or pinned. Else the oldest goes first: traces, then samples. */
  #fitting(rowKey: string, kept: KeptQuestion, added: KeptSet | KeptTrace | undefined): KeptQuestion {
    let { sets, traces } = kept;
    const pinned = new Set(this.#pins()[rowKey]);
    const isPlain = (each: KeptSet) => !hasOwnText(each) && !each.set.rationales.some(({ id }) => pinned.has(id));
    while (bytesOf({ sets, traces }) > this.#bounds.bytesPerQuestion) {
      const trace = traces.find((each) => each !== added);
      const set = sets.find((each) => each !== added && isPlain(each));
      if (trace !== undefined) traces = traces.filter((each) => each !== trace);
      else if (set !== undefined) sets = sets.filter((each) => each !== set);
      else break;
    }
    return { version: 1, sets, traces };
  }

  /** Returns the size of the file. */
  async #write(rowKey: string, kept: KeptQuestion): Promise<number> {
    const text = `${JSON.stringify(kept)}\n`;
    const bytes = Buffer.byteLength(text);
    await makeDirectoryDurably(this.#files, this.#folder);
    const index = (await this.#read(path.join(this.#folder, INDEX), Index))?.files ?? (await this.#filesThere());
    const others = index.filter((each) => each.rowKey !== rowKey);
    const empty = kept.sets.length + kept.traces.length === 0;
    if (empty) await this.#files.remove(this.#file(rowKey));
    else await atomicWrite(this.#files, this.#file(rowKey), text);
    const files = empty ? others : [...others, { rowKey, bytes, own: kept.sets.some(hasOwnText) }];
    const staying = await this.#makeRoom(files);
    const next: Index = { version: 1, files: staying };
    await atomicWrite(this.#files, path.join(this.#folder, INDEX), `${JSON.stringify(next)}\n`);
    return bytes;
  }

  /** The index as the folder tells it, where there is none that can be read. */
  async #filesThere(): Promise<Index['files']> {
    const names = (await this.#files.list(this.#folder)).filter((name) => name.endsWith('.json') && name !== INDEX);
    const found = await Promise.all(
      names.map(async (name) => {
        const status = await this.#files.status(path.join(this.#folder, name));
        return { rowKey: path.basename(name, '.json'), bytes: status?.bytes ?? 0, modified: status?.modified ?? 0 };
      }),
    );
    return found.sort((a, b) => a.modified - b.modified).map(({ rowKey, bytes }) => ({ rowKey, bytes }));
  }

  /** Returns the index as it is then. What a person wrote or pinned takes no room from the others: it would leave none in the end. */
  async #makeRoom(files: Index['files']): Promise<Index['files']> {
    const { questions, bytes } = this.#bounds;
    const isWithin = (some: Index['files']) => some.length <= questions && bytesIn(some) <= bytes;
    if (isWithin(files)) return files;
    const pins = this.#pins();
    const told: Index['files'] = [];
    for (const each of files) told.push({ ...each, own: each.own ?? (await this.#hasOwn(each.rowKey)) });
    let plain = told.filter(({ rowKey, own }) => !own && (pins[rowKey] ?? []).length === 0);
    const gone = new Set<IndexEntry>();
    for (const oldest of plain) {
      // The last one has just been written.
      if (isWithin(plain) || oldest === told.at(-1)) break;
      await this.#files.remove(this.#file(oldest.rowKey));
      this.#known.delete(oldest.rowKey);
      gone.add(oldest);
      plain = plain.slice(1);
    }
    return told.filter((each) => !gone.has(each));
  }

  async #hasOwn(rowKey: string): Promise<boolean> {
    const kept = this.#known.get(rowKey)?.kept ?? (await this.#read(this.#file(rowKey), KeptQuestion));
    return kept?.sets.some(hasOwnText) ?? false;
  }

  /** Undefined without a file. One that cannot be read is moved aside, not lost, and the log says so. */
  async #read<S extends v.GenericSchema>(file: string, schema: S): Promise<v.InferOutput<S> | undefined> {
    let text: string;
    try {
      text = new TextDecoder().decode(await this.#files.read(file));
    } catch (error) {
      if (isMissing(error)) return undefined;
      throw error;
    }
    const parsed = v.safeParse(v.pipe(v.string(), v.parseJson(), schema), text);
    if (parsed.success) return parsed.output;
    this.#warn(`${file} cannot be read (${parsed.issues[0].message}); it is kept as ${path.basename(file)}.unreadable`);
    await this.#files.rename(file, `${file}.unreadable`);
    return undefined;
  }

  #remember(rowKey: string, known: Known): KeptQuestion {
    this.#known.delete(rowKey);
    this.#known.set(rowKey, known);
    for (const key of this.#known.keys()) {
      if (this.#known.size <= this.#bounds.questions) break;
      this.#known.delete(key);
    }
    return known.kept;
  }

  async #stamp(rowKey: string): Promise<string | null> {
    const status = await this.#files.status(this.#file(rowKey));
    return status && stampOf(status);
  }

  #file(rowKey: string): string {
    return path.join(this.#folder, `${rowKey}.json`);
  }
}

/** A run that was rolled back has other weights under the same name: what a person wrote under those stays. */
function without({ owner, checkpoint, weights }: KeptUnder): (each: KeptSet) => boolean {
  return (each) =>
    each.owner !== owner || each.set.checkpoint !== checkpoint || (each.weights !== weights && hasOwnText(each));
}

const hasOwnText = ({ set }: KeptSet): boolean => set.rationales.some(({ origin }) => origin === 'edited');

const bytesIn = (files: Index['files']): number => files.reduce((sum, { bytes }) => sum + bytes, 0);

const bytesOf = (value: object): number => Buffer.byteLength(JSON.stringify(value));

const stampOf = ({ modified, bytes }: FileStatus): string => `${modified} ${bytes}`;
