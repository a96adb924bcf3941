/** One stage of one shape, in a process of its own: its peak memory is then its own too. */
import type { ProgramOptions } from '../../src/engine/model/programs.ts';
import { type Floors, openFloors } from './floors.ts';
import { interleaved, middle } from './interleaved.ts';
import { round, type StageReport, type UpdateReport } from './report.ts';
import { type ShapeName, shapeConfig } from './shapes.ts';
import { benchModel, openStage, type StageName } from './stages.ts';
import { median } from './statistics.ts';
import { leastUpdateSeconds, newOptimizer, timedUpdate, UPDATE, type UpdatePhases } from './update.ts';

export interface ChildRequest {
  readonly shape: ShapeName;
  readonly stage: StageName | 'update';
  readonly options: ProgramOptions;
  /** Seconds after which no further round begins. */
  readonly patience: number;
}

/** Of a stage, however long it takes: one round says nothing on a machine that is a fifth faster a moment later. A whole update is one. */
const LEAST_ROUNDS = 3;
/** A run's default. */
const TOKEN_BUDGET = 1024;

export async function runStage(request: ChildRequest): Promise<StageReport | UpdateReport> {
  const config = shapeConfig(request.shape);
  const { options, patience } = request;
  const model = benchModel(config, options);
  const floors = () => openFloors(config, options);
  return request.stage === 'update' ? measureUpdate() : measureStage(request.stage);

  async function measureStage(name: StageName): Promise<StageReport> {
    const stage = openStage(name, model);
    await stage.round();
    const peakMemoryGB = peak();
    const { rounds, measured } = await interleaved({ least: LEAST_ROUNDS, patience }, () => stage.round(), floors);
    const best = rounds.map(({ result, floors }) => stage.least(floors) / result.seconds);
    return {
      tokensPerSecond: round(median(rounds.map(({ result }) => result.tokens / result.seconds)), 1),
      shareOfFloor: round(median(best), 3),
      rounds: rounds.length,
      peakMemoryGB,
      floors: middle(rounds.map(({ floors }) => floors)),
      floorRanges: ranges(measured),
    };
  }

  async function measureUpdate(): Promise<UpdateReport> {
    const optimizer = newOptimizer(model);
    let step = 0;
    // A small one first: it compiles every program.
    await timedUpdate(model, optimizer, { ...UPDATE, questions: 1, rationale: 4 }, step++, TOKEN_BUDGET);
    const compileSeconds = round(model.programs.secondsCompiling, 3);
    let peakMemoryGB = 0;
    const { rounds, measured } = await interleaved(
      { least: 1, patience },
      async () => {
        const timing = await timedUpdate(model, optimizer, UPDATE, step++, TOKEN_BUDGET);
        if (peakMemoryGB === 0) peakMemoryGB = peak();
        return timing;
      },
      floors,
    );
    const phase = (name: keyof UpdatePhases): number => round(median(rounds.map((one) => one.result.phases[name])), 3);
    const shares = rounds.map(({ result, floors }) => leastUpdateSeconds(model, UPDATE, floors) / result.seconds);
    return {
      seconds: round(median(rounds.map(({ result }) => result.seconds)), 3),
      phases: {
        generate: phase('generate'),
        scoreAnswers: phase('scoreAnswers'),
        scoreReference: phase('scoreReference'),
        weigh: phase('weigh'),
        train: phase('train'),
        optimizer: phase('optimizer'),
      },
      shareOfFloor: round(median(shares), 3),
      overhead: round(median(rounds.map(({ result }) => result.overhead)), 4),
      compileSeconds,
      rounds: rounds.length,
      peakMemoryGB,
      floors: middle(rounds.map(({ floors }) => floors)),
      floorRanges: ranges(measured),
    };
  }
}

function ranges(measured: readonly Floors[]): NonNullable<StageReport['floorRanges']> {
  const range = (values: readonly number[], digits: number): [number, number] => [
    round(Math.min(...values), digits),
    round(Math.max(...values), digits),
  ];
  return {
    matmulGflops: range(
      measured.map(({ matmulGflops }) => matmulGflops),
      1,
    ),
    memoryGBs: range(
      measured.map(({ memoryGBs }) => memoryGBs),
      2,
    ),
  };
}

/** Largest resident memory of this process so far, in GB; Node gives kilobytes on every platform. */
const peak = (): number => round((process.resourceUsage().maxRSS * 1024) / 1e9, 3);
