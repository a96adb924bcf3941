/** Evaluates weights on a dataset a client chose, apart from any run's own evaluations. */
import { basename, join } from 'node:path';
import * as v from 'valibot';
import type { RequestParams, RequestResult } from '../../protocol/engine_rpc.ts';
import { EvaluationRow, type EvaluationSettings } from '../../protocol/records.ts';
import type { RunConfig } from '../../protocol/run_config.ts';
import { atomicWrite, type FileSystem, makeDirectoryDurably } from '../common/file_system.ts';
import { finiteJson, JsonLinesWriter } from '../common/json_lines.ts';
import { requireSoundRows } from '../datasets/read_dataset.ts';
import { sliceRows } from '../datasets/select_rows.ts';
import { evaluationName } from '../runs/run_directory.ts';
import { evaluateRows, summariseEvaluation } from '../training/evaluator.ts';
import { operatorsOf } from '../training/run_notes.ts';
import { questionTask, readRows } from '../training/run_setup.ts';
import type { JobContext } from './engine_service.ts';
import { ProgressMeter } from './progress_meter.ts';
import { datasetSettings } from './question_row.ts';
import { type QuestionWeights, resolveWeights, settingsFor } from './question_weights.ts';
import type { QuestionWorld } from './question_world.ts';

/**
 * Rows are on disk as they are finished, in the run's `evaluations/` or else in `folder`; the summary beside them makes the
 * evaluation complete. Cancelled, it leaves the rows there are.
 */
export async function evaluate(
  params: RequestParams<'evaluate'>,
  context: JobContext,
  world: QuestionWorld,
  folder: string,
): Promise<RequestResult<'evaluate'>> {
  const { files, clock, policies } = world;
  const { dataset: path, questions, k } = params;
  const weights = await resolveWeights(world, params.weights);
  const dataset = await readRows(path, { dataset: datasetSettings(path, params.format, weights.runConfig) }, files);
  const all = requireSoundRows(dataset);
  const rows = sliceRows(all, { from: 0, to: Math.min(questions ?? all.length, all.length) });
  const config = await settingsFor(weights, dataset.format.id);
  const { temperature, maxTokens } = config.evaluation;
  const { name, file } = await placeOf(files, weights, path, folder, clock.iso());

  const meter = new ProgressMeter(clock, (progress) => context.progress(progress));
  const report = (done: number): void =>
    meter.report({ phase: 'evaluating', done, total: rows.length, unit: 'questions', message: '' });
  const started = clock.monotonic();
  let log: JsonLinesWriter<EvaluationRow> | undefined;
  try {
    const { results, operators } = await policies.use(weights.policy, async (policy) => {
      report(0);
      const task = questionTask(policy, config, dataset, weights.began ?? new Date(clock.now()));
      const settings = { k, temperature, maxTokens, seed: config.seed };
      const results = await evaluateRows(policy, task, rows, settings, {
        signal: context.signal,
        onPause: () => context.letInteractiveRun(),
        onRow: async (row, done) => {
          // Not before there is something to keep.
          log ??= await openRows(world, file);
          await log.append(row);
          report(done);
        },
      });
      return { results, operators: await operatorsOf(policy.model.programs) };
    });
    const seconds = (clock.monotonic() - started) / 1000;
    const checkpoint = weights.step === 0 ? 'base' : `step-${weights.step}`;
    const summary = {
      ...summariseEvaluation(results, { name, checkpoint, dataset: path, k, seconds }),
      ...operators,
      ...(weights.run === null ? { settings: settingsOf(weights, config, dataset.format.id) } : {}),
    };
    await log?.flush();
    await atomicWrite(files, file.replace(/\.jsonl$/, '.json'), `${finiteJson(summary, 2)}\n`);
    return { summary, file };
  } finally {
    await log?.close();
  }
}

function settingsOf(
  { policy: { model, adapter } }: QuestionWeights,
  { preset, templates, seed, evaluation: { temperature, maxTokens, extractor } }: RunConfig,
  format: EvaluationSettings['format'],
): EvaluationSettings {
  return { model, adapter, temperature, maxTokens, seed, preset, format, templates, extractor };
}

async function openRows({ files }: QuestionWorld, file: string): Promise<JsonLinesWriter<EvaluationRow>> {
  await makeDirectoryDurably(files, join(file, '..'));
  return JsonLinesWriter.open(files, file, v.parser(EvaluationRow));
}

/**
 * A name of its own for every evaluation: `step-000010-gsm8k-test-20261121-220102` in a run, `starter-adapter-gsm8k-test-…` outside; the
 * second one of a second ends with `-2`.
 */
async function placeOf(
  files: FileSystem,
  { run, step, policy }: QuestionWeights,
  dataset: string,
  folder: string,
  time: string,
): Promise<{ name: string; file: string }> {
  const [day, clock] = time.split('T') as [string, string];
  const moment = `${day.replaceAll('-', '')}-${clock.slice(0, 8).replaceAll(':', '')}`;
  const set = `${slug(basename(dataset).replace(/\.[^.]*$/, ''))}-${moment}`;
  const folders = [policy.model, ...(policy.adapter === null ? [] : [policy.adapter])];
  const weights = folders.map((each) => slug(basename(each))).join('-');
  const first = run === null ? `${weights}-${set}` : evaluationName(step === 0 ? null : step, set);
  for (let n = 1; ; n++) {
    const name = n === 1 ? first : `${first}-${n}`;
    const file = run === null ? join(folder, `${name}.jsonl`) : run.evaluationFile(name, 'jsonl');
    if ((await files.status(file)) === null) return { name, file };
  }
}

function slug(text: string): string {
  return (
    text
      .toLowerCase()
      .replaceAll(/[^a-z0-9]+/g, '-')
      .replaceAll(/^-|-$/g, '') || 'unnamed'
  );
}
