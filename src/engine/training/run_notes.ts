/** What a run or an evaluation finds out about its own computing: written into its record once, and said. */
import type { OperatorPlacement } from '../../protocol/records.ts';
import type { Programs } from '../model/programs.ts';
import type { RunWriter } from '../runs/run_writer.ts';
import { COST_QUESTIONS, measureRoundingCost, roundingCostText } from './rounding_cost.ts';
import type { RunSetup } from './run_setup.ts';

interface Listener {
  readonly signal?: AbortSignal | undefined;
  readonly onWarning: (message: string) => void;
}

/** What the device leaves to the CPU: such a run is slower than it need be. */
export async function noteOperators(
  writer: RunWriter,
  programs: Pick<Programs, 'placements'>,
  listener: Pick<Listener, 'onWarning'>,
): Promise<void> {
  const operators = await programs.placements();
  if (Object.keys(operators).length === 0) return;
  const known = writer.record.operators ?? {};
  await writer.update({ operators: { ...known, ...operators } });
  const added = Object.entries(operators).filter(([program]) => !(program in known));
  for (const line of fallBackLines(Object.fromEntries(added))) listener.onWarning(line);
}

/** What the summary of an evaluation apart from any run says of it. */
export async function operatorsOf(
  programs: Pick<Programs, 'placements'>,
): Promise<{ readonly operators?: Record<string, OperatorPlacement> }> {
  const operators = await programs.placements();
  return Object.keys(operators).length === 0 ? {} : { operators };
}

/** One line per program that left operators to the CPU. */
export function fallBackLines(operators: Readonly<Record<string, OperatorPlacement>>): string[] {
  return Object.entries(operators).flatMap(([program, { fellBack }]) => {
    const names = Object.entries(fellBack).map(([name, count]) => `${name} (${count})`);
    if (names.length === 0) return [];
    return [`Operators of the program "${program}" that fell back to the CPU: ${names.join(', ')}.`];
  });
}

/** What weights of 8 bits cost in accuracy, on the first training questions. */
export async function noteRoundingCost(writer: RunWriter, setup: RunSetup, listener: Listener): Promise<void> {
  const { config, identity, roundingCost } = writer.record;
  if (identity.precision !== 'int8' || roundingCost !== undefined) return;
  const rows = setup.questions.train.slice(0, COST_QUESTIONS);
  const questions = rows.map((row) => setup.task.encoder.encode(row, config.sampling.maxRationaleTokens));
  const cost = await measureRoundingCost(setup.policy, questions, config, listener.signal);
  await writer.update({ roundingCost: cost });
  listener.onWarning(roundingCostText(cost));
}
