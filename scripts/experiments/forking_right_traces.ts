/**
 * Right traces for the forking experiment's second part: what the starter itself writes to the training questions, several times each.
 * Kept are the right, different ones (§7.4 of the design: reward, information gain, correctness, no leak, largest marginal difference),
 * by the same code that method ssft uses with `ssft.source` "sampled". Collected once and written down, so that every method and seed
 * learns from the same file.
 */
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { NodeFileSystem } from '../../src/engine/common/file_system.ts';
import { resolveRunConfig } from '../../src/engine/runs/resolve_config.ts';
import { INITIAL_METHOD_STATE } from '../../src/engine/training/methods/method.ts';
import { tracesOf } from '../../src/engine/training/methods/traces.ts';
import { setUpRun } from '../../src/engine/training/run_setup.ts';
import { type Json, mergeSections } from './experiment.ts';
import { wayOf } from './forking_writers.ts';

const QUESTIONS_AT_ONCE = 16;
/** Writes `path` unless it is there. @param candidates samples per question that traces are chosen from */
export async function collectRightTraces(config: Json, path: string, candidates: number): Promise<void> {
  if (existsSync(path)) return;
  const sampling = { method: 'ssft', ssft: { matching: 'mixed', source: 'sampled', answerWeight: 1 } };
  const { config: resolved } = resolveRunConfig(
    mergeSections(mergeSections(config, sampling), { sampling: { rationalesPerQuestion: candidates }, seed: 0 }),
    'forking/right-traces',
  );
  const { policy, task, questions } = await setUpRun(
    resolved,
    { device: 'cpu', precision: 'float32' },
    new NodeFileSystem(),
    new Date(0),
  );
  const context = { policy, task, config: resolved, ratings: null, generateOptions: {}, traceSources: [] };
  const lines: string[] = [];
  try {
    for (let start = 0; start < questions.train.length; start += QUESTIONS_AT_ONCE) {
      const rows = questions.train.slice(start, start + QUESTIONS_AT_ONCE);
      const asked = rows.map((row) => task.encoder.encode(row, resolved.sampling.maxRationaleTokens));
      const request = { step: 1, questions: asked, state: INITIAL_METHOD_STATE };
      const { traces } = await tracesOf(context, request, resolved.ssft.traces);
      for (const [i, { question, answer }] of rows.entries()) {
        const rationales: Record<string, string> = {};
        for (const { ids } of traces[i]!) {
          const text = policy.tokenizer.decode(ids);
          rationales[wayOf(text) ?? 'other'] ??= text;
        }
        if (Object.keys(rationales).length > 0) lines.push(`${JSON.stringify({ question, answer, rationales })}\n`);
      }
    }
  } finally {
    await policy.dispose();
  }
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, lines.join(''));
}
