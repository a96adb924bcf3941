import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { NodeFileSystem } from '../../src/engine/common/file_system.ts';
import { readRunConfig } from '../../src/engine/runs/config_file.ts';
import { latroOk } from '../support/command_line.ts';
import { temporaryFolder } from '../support/model_fixtures.ts';
import { requireShared } from '../support/shared_folder.ts';

const EXAMPLES = resolve(import.meta.dirname, '..', '..', 'examples');

type Written = Record<string, Record<string, object>> & { readonly stages?: readonly object[] };

/** What makes a run of an example as short as can be; everything else stays as it is there. One update, or one of each stage. */
function shortened(written: Written) {
  const stages = written.stages?.map((stage) => ({ ...stage, steps: 1, questionsPerStep: 1 }));
  return { ...(stages === undefined ? { steps: 1 } : { stages }), questionsPerStep: 1, threads: 1 };
}

describe('examples', () => {
  const folder = temporaryFolder();

  for (const name of readdirSync(EXAMPLES).filter((file) => file.endsWith('.json'))) {
    it(`${name}: its paths lead somewhere, and one update of it runs`, async function () {
      this.timeout(120_000);
      if (name.startsWith('minimind')) requireShared(this, 'models', 'minimind2-small', 'model.safetensors');
      const file = join(EXAMPLES, name);
      const { config } = await readRunConfig(new NodeFileSystem(), file);
      const methods = config.stages.length === 0 ? [config.method] : config.stages.map(({ method }) => method);
      assert.deepEqual(methods, name === 'starter-strategies.json' ? ['ssft', 'latro', 'gfpo'] : ['latro']);
      const written = JSON.parse(await readFile(file, 'utf8')) as Written;
      const { strategies } = config;
      const short = {
        ...written,
        ...shortened(written),
        $schema: resolve(dirname(file), String(written.$schema)),
        model: config.model,
        dataset: { ...config.dataset, rows: { train: '0:2', validation: '0:2', test: '2:4' } },
        sampling: {
          ...written.sampling,
          rationalesPerQuestion: Math.max(2, 2 * strategies.count),
          maxRationaleTokens: 8,
        },
        evaluation: { ...written.evaluation, maxTokens: 6 },
      };
      await mkdir(join(folder.path, name), { recursive: true });
      await writeFile(join(folder.path, name, 'latro.json'), JSON.stringify(short));
      const { stdout } = await latroOk(['train', 'latro.json', '--out', 'runs'], { cwd: join(folder.path, name) });
      assert.match(stdout.text, new RegExp(`2 test questions +base +step ${methods.length}`));
      assert.match(stdout.text, /Mean log p\(answer\) after its own rationale +−\d+\.\d\d/);
    });
  }
});
