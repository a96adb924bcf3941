/** A run's reasoning strategies as the panels name them, and how they share out the questions of an evaluation. Pure. */
import type { StrategyWins } from '../../protocol/panel_messages.ts';
import type { EvaluationRow, RunEvent } from '../../protocol/records.ts';
import type { RunConfig } from '../../protocol/run_config.ts';

/** The tags' texts by number from 1, as decimal string; empty for a run without strategies. */
export function strategyNames({ strategies: { count, tag } }: Pick<RunConfig, 'strategies'>): Record<string, string> {
  const numbers = Array.from({ length: count }, (_, i) => String(i + 1));
  return Object.fromEntries(numbers.map((n) => [n, tag.replaceAll('{n}', n).trim()]));
}

/** From the greedy outputs under every tag; null when the rows hold none. Ties of log π(y | x ⊕ g ⊕ z) count for nobody. */
export function strategyWins(rows: readonly EvaluationRow[], checkpoint: string): StrategyWins | null {
  const questions = rows.flatMap(({ strategies }) =>
    strategies === undefined || strategies.outputs.length === 0 ? [] : [strategies.outputs],
  );
  const count = questions[0]?.length;
  if (count === undefined) return null;
  const right = questions.map((outputs) => outputs.map(({ greedy }) => greedy.correct));
  const strategies = Array.from({ length: count }, (_, i) => i);
  const howMany = (holds: (row: readonly boolean[]) => boolean): number => right.filter(holds).length;
  return {
    checkpoint,
    questions: questions.length,
    onlyRight: strategies.map((i) => howMany((row) => row[i]! && row.filter(Boolean).length === 1)),
    best: strategies.map(
      (i) =>
        questions.filter((outputs) =>
          outputs.every((other, j) => j === i || other.answerLogProbGreedy < outputs[i]!.answerLogProbGreedy),
        ).length,
    ),
    rightWhereWrong: strategies.map((i) => strategies.map((j) => howMany((row) => row[i]! && (i === j || !row[j]!)))),
    none: howMany((row) => !row.includes(true)),
  };
}

/** Of the newest evaluation under tags in a run's log; its rows are read once. */
export class NewestWins {
  /** The event and not its name: after a roll back another evaluation has the same name. */
  #of: RunEvent | undefined;
  #wins: StrategyWins | null = null;

  /** null when the log, of which a roll back has taken its part, holds none. */
  async of(
    events: readonly RunEvent[],
    rows: (evaluation: string) => Promise<readonly EvaluationRow[]>,
  ): Promise<StrategyWins | null> {
    const newest = events.findLast((event) => event.type === 'evaluation' && event.summary.strategies?.tagged === true);
    if (newest === this.#of) return this.#wins;
    const wins =
      newest?.type === 'evaluation' ? strategyWins(await rows(newest.summary.name), newest.summary.checkpoint) : null;
    this.#of = newest;
    this.#wins = wins;
    return wins;
  }
}
