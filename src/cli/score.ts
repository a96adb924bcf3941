/** `latro score`: log-probabilities of given texts or token ids under a model. */
import { resolve } from 'node:path';
import * as v from 'valibot';
import { LatroError, throwIfCancelled } from '../engine/common/errors.ts';
import { type PromptGroup, predictTokens } from '../engine/model/packing.ts';
import type { Policy } from '../engine/training/policy.ts';
import type { Command } from './command.ts';
import { MODEL_OPTIONS, noteFallBack, openModel } from './model_options.ts';
import { Progress } from './progress.ts';
import { encodePrompt } from './prompt_text.ts';
import { badRow, type JsonRow, readJsonRows } from './row_file.ts';

const TextRow = v.object({ prompt: v.string(), completion: v.string() });
const IdRow = v.object({ ids: v.pipe(v.array(v.pipe(v.number(), v.integer(), v.minValue(0))), v.minLength(1)) });

/** Rows scored before their lines are written. */
const ROWS = 16;

export const scoreCommand: Command = {
  name: 'score',
  summary: 'Scores given texts: log p of every token under a model, one JSON line per row.',
  usage: '--model DIR --rows FILE [options]',
  positionals: [0, 0],
  options: {
    ...MODEL_OPTIONS,
    rows: { value: 'FILE', help: 'JSON Lines: {"prompt","completion"} or {"ids":[…]}.' },
  },
  details: [
    'Each line written: {"logprobs":[…],"sum":…,"tokens":…}, in the order of the rows, in nats. For {"ids"} of T tokens there are T − 1 values: log p of ids[1], ids[2], … given all before. For {"prompt","completion"} there is one value per token of the completion; "tokens" counts the values.',
    "Prompt and completion become tokens separately. The prompt gets the model's own first token (such as <s>) unless it begins with it; no chat template is applied.",
  ],

  async run(args, context) {
    const { terminal, world, cwd, signal } = context;
    const path = resolve(cwd, args.required('rows'));
    const rows = await readJsonRows(world.files, path);
    const policy = await openModel(args, context, { rows: 1, sequenceLength: 1024 });
    try {
      const groups = rows.map((row) => scoredGroup(policy, path, row));
      const progress = new Progress(terminal, 'Scoring', 'rows');
      progress.advance(0, groups.length);
      try {
        // LongRoPE chooses its factors by the longest sequence of a run, so there every row has its own.
        const perRun = policy.config.rope.kind === 'longrope' ? 1 : ROWS;
        for (let start = 0; start < groups.length; start += perRun) {
          throwIfCancelled(signal);
          for (const [logprobs] of await policy.model.score(groups.slice(start, start + perRun)))
            terminal.out(scoreLine(logprobs ?? [], path, rows[start]?.line ?? 0));
          progress.advance(Math.min(start + perRun, groups.length), groups.length);
        }
      } finally {
        progress.end();
      }
      await noteFallBack(policy, terminal);
    } finally {
      await policy.dispose();
    }
  },
};

function scoreLine(logprobs: readonly number[], path: string, line: number): string {
  if (!logprobs.every(Number.isFinite)) {
    throw new LatroError(
      'non-finite',
      `${path}, near line ${line}: a log-probability is not a finite number.`,
      'The model cannot score this row; check its weights.',
    );
  }
  return JSON.stringify({ logprobs, sum: logprobs.reduce((sum, value) => sum + value, 0), tokens: logprobs.length });
}

/** What is given and what is to be predicted. @throws LatroError naming the line */
function scoredGroup(policy: Policy, path: string, { line, value }: JsonRow): PromptGroup {
  const { tokenizer, config } = policy;
  const [prompt, predicted] = splitRow(policy, path, line, value);
  const length = prompt.length + predicted.length;
  if (prompt.length === 0) {
    throw badRow(
      path,
      line,
      'its prompt makes no token, so there is nothing to predict the first token from',
      `Begin it with a token of the model, such as ${tokenizer.specialTokens.bos ?? 'its first one'}.`,
    );
  }
  if (length > config.maxPositions) {
    throw new LatroError(
      'prompt-too-long',
      `${path}, line ${line}: the row has ${length} tokens, but the model has ${config.maxPositions} positions.`,
      'Shorten the row.',
    );
  }
  return { prompt, continuations: [{ ids: predicted.slice(0, -1), predictions: predictTokens(predicted) }] };
}

function splitRow(
  { tokenizer, model: { vocabularySize } }: Policy,
  path: string,
  line: number,
  value: unknown,
): [prompt: number[], predicted: number[]] {
  const asIds = v.safeParse(IdRow, value);
  if (asIds.success) {
    const { ids } = asIds.output;
    const strange = ids.find((id) => id >= vocabularySize);
    if (strange !== undefined)
      throw badRow(path, line, `the id ${strange} is outside the model's vocabulary of ${vocabularySize}`);
    return [ids.slice(0, 1), ids.slice(1)];
  }
  const asText = v.safeParse(TextRow, value);
  if (asText.success) {
    const { prompt, completion } = asText.output;
    return [encodePrompt(tokenizer, prompt), tokenizer.encode(completion, { addSpecialTokens: false })];
  }
  throw badRow(
    path,
    line,
    'it has neither "prompt" and "completion" as texts nor "ids" as a list of token ids',
    'Write {"prompt":"…","completion":"…"} or {"ids":[1,2,3]}.',
  );
}
