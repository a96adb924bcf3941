/** Everything two runs of the same config must agree on, however often one of them was interrupted. */
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import type { FileSystem } from '../../src/engine/common/file_system.ts';
import { RunDirectory } from '../../src/engine/runs/run_directory.ts';
import { comparableEvents, withoutCircumstances } from './same_run.ts';

/**
 * Metrics, rollouts and evaluation rows, and the files of the newest and the best checkpoint by sha256. (Which older ones are kept
 * differs: the one a run was resumed from is never pruned.)
 */
export async function runFingerprint(files: FileSystem, path: string): Promise<unknown> {
  const run = new RunDirectory(files, path);
  const sha256 = async (file: string) =>
    createHash('sha256')
      .update(await files.read(file))
      .digest('hex');

  const { status, step, best, gain } = await run.record();
  const checkpoints: Record<string, string> = {};
  for (const wanted of new Set([step, best?.step ?? step])) {
    const found = await run.checkpoints.verify(wanted);
    if (found === null || 'reason' in found) throw new Error(`checkpoint ${wanted}: ${found?.reason ?? 'missing'}`);
    for (const { name } of found.manifest.files)
      checkpoints[`${wanted}/${name}`] = await sha256(join(found.directory, name));
  }
  const evaluations: Record<string, unknown> = {};
  for (const name of await run.evaluationNames()) {
    const summary = withoutCircumstances(await run.evaluation(name));
    evaluations[name] = { summary, rows: await sha256(run.evaluationFile(name, 'jsonl')) };
  }
  const rollouts: Record<string, string> = {};
  for (const rolloutStep of await run.rolloutSteps())
    rollouts[rolloutStep] = await sha256(run.rolloutFile(rolloutStep));
  const events = comparableEvents((await run.events()).records);
  return { status, step, best, gain, events, checkpoints, evaluations, rollouts };
}
