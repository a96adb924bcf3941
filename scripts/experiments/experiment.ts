/**
 * Runs several methods from one base model with several seeds, evaluates each on the same unseen questions, and says what differs with
 * intervals. Every number can be opened: the runs stay under `.latro/experiments/NAME/`, and a second call continues where one stopped.
 */
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { systemClock } from '../../src/engine/common/clock.ts';
import { NodeFileSystem } from '../../src/engine/common/file_system.ts';
import { systemProcesses } from '../../src/engine/runs/processes.ts';
import { resolveRunConfig } from '../../src/engine/runs/resolve_config.ts';
import type { RunDirectory } from '../../src/engine/runs/run_directory.ts';
import { RunStore } from '../../src/engine/runs/run_store.ts';
import type { World } from '../../src/engine/runs/run_writer.ts';
import { TrainingRun } from '../../src/engine/training/training_run.ts';
import type { EvaluationRow } from '../../src/protocol/records.ts';

export type Json = { readonly [key: string]: unknown };

export interface MethodPlan {
  /** As it stands in the tables. */
  readonly name: string;
  /** Merged over the experiment's configuration, section by section. */
  readonly overrides: Json;
  /** Start from the weights another method of the same seed ended with. */
  readonly after?: string;
  /** Start from this model folder instead of the experiment's, and call what it can do before training by this name. */
  readonly from?: { readonly name: string; readonly model: string };
}

export interface Experiment {
  readonly name: string;
  readonly title: string;
  readonly config: Json;
  readonly seeds: readonly number[];
  readonly methods: readonly MethodPlan[];
  /** Pairs of methods to compare, the later one first. */
  readonly comparisons: readonly (readonly [string, string])[];
  /** What a reader should know: the setting, and what limits it. */
  readonly notes: readonly string[];
  /** Notes that the results themselves give. */
  readonly findings?: (results: Results) => readonly string[];
}

export interface Outcome {
  readonly rows: readonly EvaluationRow[];
  readonly seconds: number;
  readonly directory: string;
  /** Name of the evaluation in that run. */
  readonly evaluation: string;
}

export interface Results {
  readonly experiment: Experiment;
  /** @param method a planned one, or `base` */
  readonly of: (method: string, seed: number) => Outcome;
}

const world: World = { files: new NodeFileSystem(), clock: systemClock, processes: systemProcesses };
const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
  version: string;
};

/** The part of an experiment that has been run, with a note that names the rest; null: none of it. Runs nothing. */
export async function finishedPart(experiment: Experiment): Promise<Experiment | null> {
  const finished = async ({ name }: MethodPlan): Promise<boolean> => {
    const all = await Promise.all(
      experiment.seeds.map(async (seed) => {
        const { runs } = await new RunStore(world, methodFolder(experiment, name, seed)).list();
        return runs.some(({ status }) => status === 'finished');
      }),
    );
    return all.every(Boolean);
  };
  const done = await Promise.all(experiment.methods.map(finished));
  const methods = experiment.methods.filter((_, i) => done[i]);
  if (methods.length === 0) return null;
  const missing = experiment.methods.filter((_, i) => !done[i]).map(({ name }) => name);
  const known = new Set(['base', ...methods.flatMap(({ name, from }) => [name, from?.name ?? name])]);
  return {
    ...experiment,
    methods,
    comparisons: experiment.comparisons.filter((pair) => pair.every((name) => known.has(name))),
    notes: missing.length === 0 ? experiment.notes : [...experiment.notes, `Not run yet: ${missing.join(', ')}.`],
  };
}

const methodFolder = ({ name }: Experiment, method: string, seed: number): string =>
  join('.latro', 'experiments', name, method, `seed-${seed}`);

/** Runs what has not been run yet, and reads the evaluations of all. */
export async function runExperiment(experiment: Experiment): Promise<Results> {
  const outcomes = new Map<string, Outcome>();
  for (const seed of experiment.seeds) {
    for (const method of experiment.methods) {
      const start = method.after ?? method.from?.name ?? 'base';
      const model =
        method.after === undefined ? method.from?.model : finalModel(outcomes.get(key(start, seed))!.directory);
      const { trained, before } = await runMethod(
        experiment,
        method,
        seed,
        model ?? null,
        outcomes.get(key(start, seed)) ?? null,
      );
      outcomes.set(key(method.name, seed), trained);
      if (!outcomes.has(key(start, seed))) outcomes.set(key(start, seed), before);
    }
  }
  return { experiment, of: (method, seed) => outcomes.get(key(method, seed))! };
}

const key = (method: string, seed: number): string => `${method}/${seed}`;

async function runMethod(
  experiment: Experiment,
  method: MethodPlan,
  seed: number,
  model: string | null,
  before: Outcome | null,
): Promise<{ trained: Outcome; before: Outcome }> {
  const merged = mergeSections(mergeSections(experiment.config, method.overrides), model === null ? {} : { model });
  const folder = methodFolder(experiment, method.name, seed);
  const { config } = resolveRunConfig(
    { ...merged, seed, outputDirectory: folder },
    `${experiment.name}/${method.name}`,
  );
  const store = new RunStore(world, folder);
  const { runs } = await store.list();
  const finished = runs.find((run) => run.status === 'finished');
  if (finished !== undefined) return readOutcome(await store.find(finished.directory));

  const label = `${method.name}, seed ${seed}`;
  const observer = {
    onProgress: () => {},
    onWarning: (message: string) => console.error(`${label}: ${message}`),
    onEvent: (event: { readonly type: string }) => announce(label, event),
  };
  const environment = {
    device: 'cpu' as const,
    precision: 'float32' as const,
    threads: config.threads,
    packageVersion: version,
    onnxruntimeVersion: null,
  };
  const interrupted = runs.find((run) => run.status !== 'failed');
  const run =
    interrupted === undefined
      ? await TrainingRun.create(world, store, config, environment)
      : await TrainingRun.resume(world, store, interrupted.directory, environment, observer);
  if (interrupted === undefined && before !== null) copyEvaluation(before, run.directory);
  await run.execute(observer);
  return readOutcome(await store.find(run.directory));
}

/** The same model on the same questions with the same seed: evaluated once, opened from every run that starts with it. */
function copyEvaluation({ directory, evaluation }: Outcome, to: string): void {
  const from = join(directory, 'evaluations', evaluation);
  const target = join(to, 'evaluations', 'base-test');
  const summary = JSON.parse(readFileSync(`${from}.json`, 'utf8')) as Json;
  writeFileSync(
    `${target}.json`,
    `${JSON.stringify({ ...summary, name: 'base-test', checkpoint: 'base' }, null, 2)}\n`,
  );
  copyFileSync(`${from}.jsonl`, `${target}.jsonl`);
}

/** The model folder a finished run ended with. */
export function finalModel(directory: string): string {
  const { best, step } = JSON.parse(readFileSync(join(directory, 'run.json'), 'utf8')) as {
    best: { step: number } | null;
    step: number;
  };
  return join(directory, 'checkpoints', `step-${String(best?.step ?? step).padStart(6, '0')}`, 'model');
}

async function readOutcome(directory: RunDirectory): Promise<{ trained: Outcome; before: Outcome }> {
  const names = (await directory.evaluationNames()).filter((name) => name.endsWith('-test'));
  const after = names.filter((name) => !name.startsWith('base-')).at(-1);
  if (after === undefined) throw new Error(`${directory.path} has no evaluation after training`);
  const { records } = await directory.events();
  const times = records.map((event) => Date.parse(event.time));
  const read = async (name: string): Promise<Outcome> => ({
    rows: [...(await directory.evaluationRows(name))].sort((a, b) => a.line - b.line),
    seconds: (Math.max(...times) - Math.min(...times)) / 1000,
    directory: directory.path,
    evaluation: name,
  });
  return { trained: await read(after), before: await read('base-test') };
}

function announce(
  label: string,
  event: { readonly type: string; readonly metrics?: unknown; readonly summary?: unknown },
): void {
  if (event.type === 'evaluation') {
    const { name, greedyAccuracy, majorityAccuracy } = event.summary as {
      name: string;
      greedyAccuracy: number;
      majorityAccuracy: number | null;
    };
    console.error(
      `${label}: ${name} greedy ${percent(greedyAccuracy)}${majorityAccuracy === null ? '' : `, majority ${percent(majorityAccuracy)}`}`,
    );
  }
}

const percent = (share: number): string => `${(100 * share).toFixed(1)} %`;

/** Objects merge member by member; everything else is replaced. */
export function mergeSections(base: Json, over: Json): Json {
  const isObject = (value: unknown): value is Json =>
    typeof value === 'object' && value !== null && !Array.isArray(value);
  const merged: Record<string, unknown> = { ...base };
  for (const [name, value] of Object.entries(over)) {
    const before = merged[name];
    merged[name] = isObject(before) && isObject(value) ? mergeSections(before, value) : value;
  }
  return merged;
}

/** A configuration file with its relative paths made absolute. */
export function readConfig(path: string): Json {
  const config = JSON.parse(readFileSync(path, 'utf8')) as { model: string; dataset: Record<string, unknown> } & Json;
  const absolute = (value: unknown): unknown => (typeof value === 'string' ? join(dirname(path), value) : value);
  const { train, validation, test, ...rest } = config.dataset;
  const files = Object.fromEntries(
    Object.entries({ train, validation, test }).flatMap(([name, value]) =>
      value === undefined ? [] : [[name, absolute(value)]],
    ),
  );
  return { ...config, model: join(dirname(path), config.model), dataset: { ...rest, ...files } };
}
