/** From what runs and requests left behind to what the panel shows: sets of rationales, one per checkpoint. Pure. */
import { samplesOf } from '../../protocol/rationale_draw.ts';
import type {
  CheckpointOption,
  EditedFrom,
  KeptFrom,
  PrefixScore,
  RationaleRating,
  RationaleSet,
  RationaleView,
} from '../../protocol/rationale_messages.ts';
import type { QuestionRollout, RationaleRecord } from '../../protocol/records.ts';
import { checkpointName, updatesBehind } from '../runs/checkpoints.ts';

/** The rollout of update s was sampled by the weights that s − 1 updates had made. */
export const weightsOfRollout = ({ step }: Pick<QuestionRollout, 'step'>): string =>
  checkpointName(Math.max(0, step - 1));

/** The base is always at hand: a run starts from it. */
export const isAtHand = (checkpoint: string, onDisk: readonly number[]): boolean =>
  [0, ...onDisk].includes(updatesBehind(checkpoint));

/** The weights to ask for those of `checkpoint`: a run keeps few, so the nearest on disk (the later of two), or the base. */
export function weightsAtHand(checkpoint: string, onDisk: readonly number[]): string {
  const wanted = updatesBehind(checkpoint);
  const distance = (step: number) => Math.abs(step - wanted);
  return checkpointName(
    [...onDisk, 0].reduce((a, b) => (distance(b) < distance(a) || (distance(b) === distance(a) && b > a) ? b : a)),
  );
}

export interface RunSettings {
  readonly runId: string;
  readonly temperature: number;
  readonly beta: number;
}

export function setOfRollout(rollout: QuestionRollout, { runId, temperature, beta }: RunSettings): RationaleSet {
  const { step, seed, noRationaleLogProb, rationales } = rollout;
  return {
    checkpoint: weightsOfRollout(rollout),
    step,
    randomStep: step,
    temperature,
    beta: rollout.klCoefficient ?? beta,
    noRationaleLogProb,
    rationales: rationales.map((record) => view(`${runId}-${step}-${record.sample}`, 'run', record, seed)),
  };
}

/** A set sampled on request; what was pinned or edited in the set it takes the place of stays, after the new ones and not counted among them. */
export function setOfSamples(
  rollout: QuestionRollout,
  checkpoint: string,
  temperature: number,
  previous: RationaleSet | undefined,
): RationaleSet {
  const { step, seed, noRationaleLogProb, rationales } = rollout;
  const id = ({ sample, strategy }: RationaleRecord) =>
    `sampled-${checkpoint}-${seed}-${temperature}-${rationales.length}-${step}-${sample}${strategy === undefined ? '' : `-strategy${strategy}`}`;
  const fresh = rationales.map((record) => view(id(record), 'sampled', record, seed));
  const kept = previous === undefined ? [] : keptOf(previous).filter(({ id }) => fresh.every((each) => each.id !== id));
  return {
    checkpoint,
    step: null,
    randomStep: step,
    temperature,
    beta: rollout.klCoefficient ?? null,
    noRationaleLogProb,
    rationales: [...fresh, ...kept],
  };
}

function keptOf(set: RationaleSet): RationaleView[] {
  return set.rationales
    .filter(({ pinned, origin }) => pinned || origin === 'edited')
    .map((each) => ({ ...each, keptFrom: each.keptFrom ?? drawnAs(set) }));
}

const drawnAs = ({ step, temperature, beta, rationales }: RationaleSet): KeptFrom => ({
  step,
  temperature,
  beta,
  k: samplesOf(rationales).length,
});

/** What is written over a rationale of the set began as it; over one that was edited already, as what that began as. */
export function beganAs(
  set: RationaleSet,
  { origin, editedFrom, keptFrom, record, seed }: RationaleView,
): EditedFrom | undefined {
  if (origin === 'edited') return editedFrom;
  const from = keptFrom ?? drawnAs(set);
  return { ...from, step: origin === 'run' ? from.step : null, sample: record.sample, seed };
}

export interface Scored {
  readonly id: string;
  readonly record: RationaleRecord;
  /** The weights that were asked. */
  readonly by: string;
  /** Undefined where the rationale that was edited is no longer known. */
  readonly editedFrom: EditedFrom | undefined;
}

/** The set with a person's own rationale beside the model's. */
export function withEdited(set: RationaleSet, { id, record, by, editedFrom }: Scored): RationaleSet {
  const edited = {
    ...view(id, 'edited', record, null),
    ...(by === set.checkpoint ? {} : { scoredBy: by }),
    ...(editedFrom === undefined ? {} : { editedFrom }),
  };
  return { ...set, rationales: [...set.rationales, edited] };
}

function view(
  id: string,
  origin: RationaleView['origin'],
  record: RationaleRecord,
  seed: number | null,
): RationaleView {
  return { id, origin, record, seed, pinned: false, rating: null };
}

/** log π(y | x, z_≤t), and the weights that were asked. */
export interface Trace {
  readonly scores: readonly PrefixScore[];
  readonly by: string;
}

/** What people did to rationales, by rationale id (ratings by text: they hold wherever the same rationale turns up). */
export interface Marks {
  readonly pinned: ReadonlySet<string>;
  readonly ratings: ReadonlyMap<string, RationaleRating>;
  /** Why the ratings cannot be read; they are none then. */
  readonly ratingsError?: unknown;
  readonly traces: ReadonlyMap<string, Trace>;
}

export function withMarks(set: RationaleSet, { pinned, ratings, traces }: Marks): RationaleSet {
  const rationales = set.rationales.map((each) => {
    const trace = traces.get(`${set.checkpoint} ${each.id}`);
    const rating = ratings.get(each.record.text) ?? null;
    const tracedBy = trace === undefined || trace.by === set.checkpoint ? {} : { tracedBy: trace.by };
    const prefixScores = trace === undefined ? {} : { prefixScores: [...trace.scores], ...tracedBy };
    return { ...each, pinned: pinned.has(each.id), rating, ...prefixScores };
  });
  return { ...set, rationales };
}

/** Checkpoints by name: a set of them, or a map of what is under each. */
export interface Checkpoints {
  has(name: string): boolean;
  keys(): Iterable<string>;
}

/** Base first, then every checkpoint that has rationales of this question or weights on disk, rising. */
export function checkpointOptions(sampled: Checkpoints, onDisk: readonly number[]): CheckpointOption[] {
  const steps = new Set([0, ...onDisk, ...[...sampled.keys()].map(updatesBehind)]);
  return [...steps]
    .sort((a, b) => a - b)
    .map((step) => {
      const name = checkpointName(step);
      return { name, step, sampled: sampled.has(name), canSample: isAtHand(name, onDisk) };
    });
}

/** Newest weights that have rationales, unless another choice still stands. */
export function chooseCurrent(sampled: Checkpoints, chosen: string | undefined): string | undefined {
  if (chosen !== undefined && sampled.has(chosen)) return chosen;
  return [...sampled.keys()].sort((a, b) => updatesBehind(a) - updatesBehind(b)).at(-1);
}
