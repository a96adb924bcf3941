/**
 * What a person chose and pinned in the side panel: kept in the workspace's state, choices within bounds. A choice of weights holds for a row and a run
 * (another run has other weights by the same names), a pin for the row, a choice of the run for the dataset.
 */
import * as v from 'valibot';

/** The part of `vscode.Memento` that is needed. */
export interface Memento {
  get<T>(key: string, fallback: T): T;
  update(key: string, value: unknown): Thenable<void>;
}

const Choice = v.object({
  rowKey: v.string(),
  /** Id of the run; null without one. */
  run: v.nullable(v.string()),
  checkpoint: v.optional(v.string()),
  /** null: compared with nothing; absent: never chosen. */
  comparison: v.optional(v.nullable(v.string())),
});
export type Choice = v.InferOutput<typeof Choice>;

const CHOICES = 'latro.rationaleChoices';
const RUNS = 'latro.rationaleRuns';
const PINS = 'latro.pinnedRationales';
/** So many choices are remembered, those touched last; pins stay until they are taken away. */
const ROWS = 200;

export class PanelChoices {
  readonly #memento: Memento;

  constructor(memento: Memento) {
    this.#memento = memento;
  }

  of(rowKey: string, run: string | null): Choice {
    return this.#choices().find((each) => each.rowKey === rowKey && each.run === run) ?? { rowKey, run };
  }

  /** What is not said stays as it was chosen. */
  async choose(rowKey: string, run: string | null, choice: Omit<Choice, 'rowKey' | 'run'>): Promise<void> {
    const others = this.#choices().filter((each) => each.rowKey !== rowKey || each.run !== run);
    await this.#memento.update(CHOICES, [...others, { ...this.of(rowKey, run), ...choice }].slice(-ROWS));
  }

  /** Id of the run whose rationales are shown for a dataset; undefined: never chosen. */
  run(dataset: string): string | undefined {
    return this.#runs()[dataset];
  }

  /** `run` undefined: whichever is shown by itself. */
  async chooseRun(dataset: string, run: string | undefined): Promise<void> {
    const { [dataset]: _, ...others } = this.#runs();
    const entries = [...Object.entries(others), ...(run === undefined ? [] : [[dataset, run] as const])];
    await this.#memento.update(RUNS, Object.fromEntries(entries.slice(-ROWS)));
  }

  /** Ids of the rationales of a row that are pinned. */
  pins(rowKey: string): readonly string[] {
    return this.allPins()[rowKey] ?? [];
  }

  /** By row key. */
  allPins(): Readonly<Record<string, readonly string[]>> {
    const parsed = v.safeParse(v.record(v.string(), v.array(v.string())), this.#memento.get<unknown>(PINS, {}));
    return parsed.success ? parsed.output : {};
  }

  async pin(rowKey: string, id: string, pinned: boolean): Promise<void> {
    const ids = this.pins(rowKey).filter((each) => each !== id);
    const { [rowKey]: _, ...others } = this.allPins();
    const own = pinned ? [...ids, id] : ids;
    await this.#memento.update(PINS, own.length === 0 ? others : { ...others, [rowKey]: own });
  }

  #choices(): readonly Choice[] {
    const parsed = v.safeParse(v.array(Choice), this.#memento.get<unknown>(CHOICES, []));
    return parsed.success ? parsed.output : [];
  }

  #runs(): Readonly<Record<string, string>> {
    const parsed = v.safeParse(v.record(v.string(), v.string()), this.#memento.get<unknown>(RUNS, {}));
    return parsed.success ? parsed.output : {};
  }
}
