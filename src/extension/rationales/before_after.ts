/** The same question under the base, the previous checkpoint and the weights shown: which they are, and what each made of it. Pure. */
import { majorityVote, mean } from '../../engine/evaluate/statistics.ts';
import { drawOf, sameDraw, samplesOf } from '../../protocol/rationale_draw.ts';
import type { CheckpointOption, RationaleSet, SamplingSettings, Stage } from '../../protocol/rationale_messages.ts';
import { type Checkpoints, isAtHand } from './rationale_sets.ts';

/** The newest weights before those shown, of which anything is known; undefined when only the base is. */
export function previousCheckpoint(options: readonly CheckpointOption[], current: string): string | undefined {
  const shown = options.find(({ name }) => name === current)?.step ?? 0;
  return options.filter(({ step }) => step > 0 && step < shown).at(-1)?.name;
}

/** `chosen` null: nothing to compare with; undefined: the base or else the previous checkpoint, whichever has rationales. */
export function chooseComparison(
  sampled: Checkpoints,
  options: readonly CheckpointOption[],
  current: string | undefined,
  chosen: string | null | undefined,
): string | undefined {
  if (chosen === null || current === undefined) return undefined;
  const wanted = [chosen, 'base', previousCheckpoint(options, current)];
  return wanted.find((name) => name !== undefined && name !== current && sampled.has(name));
}

/** Empty where there are no other weights than those shown. @param sets of the base, the previous checkpoint and the one shown */
export function stagesOf(
  sets: ReadonlyMap<string, RationaleSet>,
  options: readonly CheckpointOption[],
  onDisk: readonly number[],
  current: string | undefined,
): Stage[] {
  const shown = current === undefined ? undefined : sets.get(current);
  if (current === undefined || shown === undefined || current === 'base') return [];
  const stage = (role: Stage['role'], checkpoint: string): Stage => {
    const set = sets.get(checkpoint);
    return {
      role,
      checkpoint,
      figures: set === undefined ? null : figuresOf(set, shown),
      canSample: isAtHand(checkpoint, onDisk),
    };
  };
  const previous = previousCheckpoint(options, current);
  return [
    stage('base', 'base'),
    ...(previous === undefined ? [] : [stage('previous', previous)]),
    stage('current', current),
  ];
}

function figuresOf(set: RationaleSet, shown: RationaleSet): Stage['figures'] {
  const records = samplesOf(set.rationales).map(({ record }) => record);
  const [first] = records;
  if (first === undefined) return null;
  const majority = majorityVote(records.map(({ extractedAnswer }) => extractedAnswer));
  const { sample, text, reward, extractedAnswer, correct } = records.reduce(
    (a, b) => (b.reward > a.reward ? b : a),
    first,
  );
  return {
    k: records.length,
    right: records.filter((each) => each.correct).length,
    majority,
    majorityCorrect: records.some((each) => each.correct && each.extractedAnswer === majority),
    meanReward: mean(records.map((each) => each.reward)),
    meanSelfReward: mean(records.map(({ selfReward }) => selfReward)),
    best: { sample, text, reward, extractedAnswer, correct },
    alike: sameDraw(drawOf(shown), drawOf(set)),
  };
}

/** What to ask other weights for, so that their sample k is drawn with the random numbers of sample k of `shown`. */
export function settingsAlike(
  shown: RationaleSet | undefined,
  defaults: SamplingSettings,
): SamplingSettings & { readonly randomStep?: number } {
  const draw = shown && drawOf(shown);
  if (draw === undefined || draw.k < 2) return defaults;
  const { k, temperature, seed, randomStep, strategy } = draw;
  return {
    k,
    temperature: temperature ?? defaults.temperature,
    seed: seed ?? defaults.seed,
    ...(strategy === 'none' && defaults.strategy === undefined ? {} : { strategy }),
    ...(randomStep === null ? {} : { randomStep }),
  };
}
