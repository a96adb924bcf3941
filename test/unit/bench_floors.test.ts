/** What stages are judged by: rounds and floors take turns, and the floors are those of the model's own matrices. */
import { strict as assert } from 'node:assert';
import { type Floors, MatmulFloor, matrixKinds, openFloors } from '../../scripts/bench/floors.ts';
import { interleaved, type Rounds } from '../../scripts/bench/interleaved.ts';
import { SHAPE_NAMES, shapeConfig } from '../../scripts/bench/shapes.ts';
import { parameterShapes } from '../../src/engine/model/config.ts';

/** The n-th floors: 100 n and 10 n. A round takes `roundSeconds`, measuring floors none. */
async function recorded(rounds: Rounds, roundSeconds: number) {
  const log: string[] = [];
  let now = 1000;
  let done = 0;
  let floors = 0;
  const action = async (): Promise<number> => {
    log.push('round');
    now += roundSeconds;
    return ++done;
  };
  const open = async () => {
    log.push('open');
    return {
      measure: async (): Promise<Floors> => {
        log.push('floors');
        floors++;
        return { matmulGflops: 100 * floors, memoryGBs: 10 * floors };
      },
      dispose: async () => {
        log.push('dispose');
      },
    };
  };
  return { log, ...(await interleaved(rounds, action, open, () => now)) };
}

describe('rounds and floors of the bench', () => {
  it('take turns, the floors after the first round, and are closed at the end', async () => {
    const { log } = await recorded({ least: 3, patience: 0 }, 9);
    assert.deepEqual(log, ['round', 'open', 'floors', 'round', 'floors', 'round', 'floors', 'dispose']);
  });

  it('each round is judged by the floors around it, the first by those after it', async () => {
    const { rounds, measured } = await recorded({ least: 3, patience: 0 }, 9);
    assert.deepEqual(rounds, [
      { result: 1, floors: { matmulGflops: 100, memoryGBs: 10 } },
      { result: 2, floors: { matmulGflops: 150, memoryGBs: 15 } },
      { result: 3, floors: { matmulGflops: 250, memoryGBs: 25 } },
    ]);
    assert.deepEqual(
      measured.map(({ memoryGBs }) => memoryGBs),
      [10, 20, 30],
    );
  });

  it('there are as many as asked for however long they take, more while there is patience, and never more than seven', async () => {
    const count = async (least: number, patience: number, seconds: number): Promise<number> =>
      (await recorded({ least, patience }, seconds)).rounds.length;
    assert.equal(await count(3, 6, 100), 3);
    assert.equal(await count(1, 6, 100), 1);
    assert.equal(await count(1, 6, 2), 3);
    assert.equal(await count(3, 6, 1.5), 4);
    assert.equal(await count(3, 6, 0.01), 7);
  });
});

describe('the floors of the bench', () => {
  /** Weights of linear layers and of the head, which is the table of embeddings where there is no other. */
  const multiplied = (name: (typeof SHAPE_NAMES)[number]): number => {
    const shapes = [...parameterShapes(shapeConfig(name))];
    const isHead = (parameter: string): boolean =>
      shapeConfig(name).tiedHead ? parameter === 'model.embed_tokens.weight' : parameter === 'lm_head.weight';
    return shapes
      .filter(
        ([parameter, shape]) => shape.length === 2 && (parameter !== 'model.embed_tokens.weight' || isHead(parameter)),
      )
      .reduce((sum, [, [outputs, inputs]]) => sum + outputs! * inputs!, 0);
  };

  it("count every matrix of a model as often as it is there, the head's too", async () => {
    for (const name of SHAPE_NAMES) {
      const kinds = matrixKinds(shapeConfig(name));
      assert.equal(
        kinds.reduce((sum, { outputs, inputs, count }) => sum + outputs * inputs * count, 0),
        multiplied(name),
        name,
      );
    }
    const matmul = await MatmulFloor.create(shapeConfig('starter'), { device: 'cpu', threads: 1 });
    assert.equal(matmul.operations, 2 * 512 * multiplied('starter'));
    await matmul.dispose();
  });

  it('are measured by programs that run', async () => {
    const meter = await openFloors(shapeConfig('starter'), { device: 'cpu', threads: 1 });
    const { matmulGflops, memoryGBs } = await meter.measure();
    await meter.dispose();
    assert.ok(matmulGflops > 0 && Number.isFinite(matmulGflops) && memoryGBs > 0 && Number.isFinite(memoryGBs));
  });
});
