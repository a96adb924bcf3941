/**
 * What is trained when a person asks to train on a file. Finding it writes nothing: a language model may only propose a run, and a person
 * who declines has lost nothing and saved nothing.
 */
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import * as v from 'valibot';
import type { ConfigSource, RequestParams } from '../../protocol/engine_rpc.ts';
import { samePath } from '../common/same_path.ts';
import { openDocument, savedFirst } from '../dataset/saved_first.ts';
import { type CommandServices, fileName, modelOf } from './services.ts';

export interface TrainingPlan {
  readonly source: ConfigSource;
  /** Settings that go before those of `source`. */
  readonly overrides: { readonly outputDirectory?: string };
  /** Absolute paths of what a run reads once it is started, a `latro.json` aside. */
  readonly datasets: readonly string[];
}

/**
 * Trains with `file` where it is a `latro.json`; with the `latro.json` beside it or of the workspace where that trains on `file`; else with the preset's
 * settings and the chosen model. What is unsaved counts, as it stands in its editor.
 */
export async function trainingPlan(services: CommandServices, file: string): Promise<TrainingPlan> {
  const config = isConfig(file)
    ? file
    : await configThatTrainsOn(file, [...new Set([path.dirname(file), services.workspace])]);
  if (config !== undefined) {
    const text = await textNow(config);
    const datasets = new Set([...(isConfig(file) ? [] : [file]), ...datasetsIn(config, text)]);
    // Relative to a latro.json in a folder below, the default would be a place that no window looks at.
    const overrides = namesOutput(text) ? {} : { outputDirectory: services.runs.folder };
    return { source: { kind: 'file', path: config }, overrides, datasets: [...datasets] };
  }
  const test = sibling(file);
  const dataset = { train: file, ...(test === undefined ? {} : { test }) };
  const outputDirectory = services.runs.folder;
  const baseDirectory = services.workspace;
  return {
    source: { kind: 'inline', config: { model: await modelOf(services), dataset, outputDirectory }, baseDirectory },
    overrides: {},
    datasets: Object.values(dataset),
  };
}

/** The same for a run that is started now: with nothing of it unsaved. */
export async function trainingNow(
  services: CommandServices,
  file: string,
): Promise<Pick<RequestParams<'train'>, 'source' | 'overrides'>> {
  const { source, overrides, datasets } = await trainingPlan(services, file);
  for (const each of datasets) await savedFirst(each);
  if (source.kind === 'file') await savedFirst(source.path);
  return { source, overrides };
}

/** As it stands in its editor where it is unsaved, else as it is on disk; undefined where neither is there. */
async function textNow(file: string): Promise<string | undefined> {
  const document = openDocument(file);
  return document?.isDirty ? document.getText() : await readFile(file, 'utf8').catch(() => undefined);
}

const isConfig = (file: string): boolean => /(^|\.)latro\.json$/i.test(fileName(file));

const TrainingFile = v.object({ dataset: v.object({ train: v.string() }) });
const DatasetFiles = v.object({ dataset: v.record(v.string(), v.unknown()) });

const NamedOutput = v.object({ outputDirectory: v.unknown() });

const namesOutput = (text: string | undefined): boolean =>
  v.safeParse(v.pipe(v.string(), v.parseJson(), NamedOutput), text).success;

/** What is wrong with a `latro.json` the engine says. */
function datasetsIn(config: string, text: string | undefined): string[] {
  const parsed = v.safeParse(v.pipe(v.string(), v.parseJson(), DatasetFiles), text);
  const { train, validation, test } = parsed.success ? parsed.output.dataset : {};
  return [train, validation, test].flatMap((each) =>
    typeof each === 'string' ? [path.resolve(path.dirname(config), each)] : [],
  );
}

/**
 * A `latro.json` in one of these folders whose training file is `file`: as it stands in its editor, or on disk where that is no JSON.
 * Whether it is valid otherwise the engine says.
 */
async function configThatTrainsOn(file: string, folders: readonly string[]): Promise<string | undefined> {
  for (const folder of folders) {
    const candidate = path.join(folder, 'latro.json');
    const texts = [openDocument(candidate)?.getText(), await readFile(candidate, 'utf8').catch(() => undefined)];
    const [trainsOn] = texts.flatMap((text) => {
      const parsed = v.safeParse(v.pipe(v.string(), v.parseJson(), TrainingFile), text);
      return parsed.success ? [path.resolve(folder, parsed.output.dataset.train)] : [];
    });
    if (trainsOn !== undefined && samePath(trainsOn, file)) return candidate;
  }
  return undefined;
}

/** `train.jsonl` → `test.jsonl` beside it, if there is one: then accuracy before and after is measured on unseen questions. */
function sibling(file: string): string | undefined {
  const name = fileName(file);
  const test = path.join(path.dirname(file), name.replace(/train/i, 'test'));
  return test !== file && existsSync(test) ? test : undefined;
}
