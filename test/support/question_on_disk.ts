/** A dataset of one question and the runs that train on it, as they lie on disk: what the side panel reads. */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { systemClock } from '../../src/engine/common/clock.ts';
import { atomicWrite, NodeFileSystem } from '../../src/engine/common/file_system.ts';
import { formatById } from '../../src/engine/datasets/registry.ts';
import { checkRow } from '../../src/engine/datasets/row_check.ts';
import { resolveRunConfig } from '../../src/engine/runs/resolve_config.ts';
import { RunDirectory } from '../../src/engine/runs/run_directory.ts';
import { RunStore } from '../../src/engine/runs/run_store.ts';
import { DatasetResults } from '../../src/extension/inline/dataset_results.ts';
import { PanelChoices } from '../../src/extension/rationales/panel_choices.ts';
import { type Question, QuestionSource } from '../../src/extension/rationales/question_source.ts';
import { RatingStore } from '../../src/extension/rationales/rating_store.ts';
import { questionSnapshot } from '../../src/extension/rationales/rationale_snapshot.ts';
import { RationaleStore } from '../../src/extension/rationales/rationale_store.ts';
import type { RationaleQuestion } from '../../src/protocol/rationale_messages.ts';
import type { QuestionRollout, RationaleRecord, RunStatus } from '../../src/protocol/records.ts';
import { toyRollout, toyWorld, UNKNOWN_IDENTITY } from './toy_run.ts';

const files = new NodeFileSystem();
const SAMPLING = { k: 4, temperature: 1, seed: 0 };
const ROW = '{"question":"What is 2 + 2?","answer":"4"}';

/** A window that has just been opened. */
interface OpenWindow {
  readonly source: QuestionSource;
  readonly choices: PanelChoices;
  readonly results: DatasetResults;
  /** As the panel draws it. */
  readonly draw: () => Promise<RationaleQuestion>;
}

export class QuestionOnDisk {
  readonly folder: string;
  readonly dataset: string;
  readonly question: Question;
  readonly #runs: RunStore;
  /** Of the workspace: it outlives a window. */
  readonly #state = new Map<string, unknown>();

  private constructor(folder: string) {
    this.folder = folder;
    this.dataset = path.join(folder, 'train.jsonl');
    const { row } = checkRow(ROW, 1, formatById('starter'));
    this.question = { file: this.dataset, row: row!, text: ROW };
    this.#runs = new RunStore(toyWorld(), path.join(folder, 'runs'));
  }

  static async create(): Promise<QuestionOnDisk> {
    return new QuestionOnDisk(await mkdtemp(path.join(tmpdir(), 'latro-q-')));
  }

  async remove(): Promise<void> {
    await rm(this.folder, { recursive: true });
  }

  async open(): Promise<OpenWindow> {
    const list = (await this.#runs.list()).runs;
    const known = { runs: list, directory: (run: { directory: string }) => new RunDirectory(files, run.directory) };
    const choices = new PanelChoices({
      get: <T>(key: string, fallback: T) => (this.#state.get(key) as T | undefined) ?? fallback,
      update: async (key: string, value: unknown) => void this.#state.set(key, structuredClone(value)),
    });
    const source = new QuestionSource({
      runs: known,
      store: new RationaleStore(files, path.join(this.folder, 'rationales'), assert.fail),
      ratings: new RatingStore(files, () => systemClock.iso()),
      choices,
      model: () => '/models/m',
    });
    const { question } = this;
    const draw = async () => {
      const now = await source.known(question);
      return await questionSnapshot({
        question,
        dataset: 'train.jsonl',
        known: now,
        choice: choices.of(question.row.rowKey, now.run?.id ?? null),
        marks: await source.marks(question, now.run),
        sampling: SAMPLING,
        activity: null,
        failure: null,
        unscored: null,
      });
    };
    const log = { info() {}, warn: assert.fail, error: assert.fail };
    const onChanged = () => ({ dispose() {} });
    const results = new DatasetResults({ ...known, onChanged }, path.join(this.folder, 'evaluations'), log);
    return { source, choices, draw, results };
  }

  /** A run that trains on the dataset, as it is left when it ended so after `step` updates. */
  async newRun(
    step: number,
    status: Exclude<RunStatus, 'running' | 'interrupted'> = 'finished',
  ): Promise<RunDirectory> {
    const settings = { model: '/models/m', dataset: { train: this.dataset }, steps: 100 };
    const writer = await this.#runs.create(resolveRunConfig(settings, '/latro.json').config, UNKNOWN_IDENTITY);
    await writer.update({ step, totalSteps: 100, phase: 'training' });
    await writer.close(status);
    return writer.directory;
  }

  rolloutOf(step: number, text: string, rationale: Partial<RationaleRecord> = {}): QuestionRollout {
    const toy = toyRollout(step);
    const rationales = toy.rationales.map((each) => ({ ...each, text, ...rationale }));
    return { ...toy, step, rowKey: this.question.row.rowKey, rationales };
  }

  /** What update `step` of a run sampled for the question. */
  async record(run: RunDirectory, step: number, text: string): Promise<void> {
    await atomicWrite(files, run.rolloutFile(step), `${JSON.stringify(this.rolloutOf(step, text))}\n`);
  }

  async setStep(run: RunDirectory, step: number): Promise<void> {
    const writer = await this.#runs.open(run.id);
    await writer.update({ step });
    await writer.close('stopped');
  }
}
