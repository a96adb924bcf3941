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

/** What makes a run of an example as short as can be; everything else stays as it is there. */
const SHORT = {
  steps: 1,
  questionsPerStep: 1,
  threads: 1,
};

describe('examples', () => {
  const folder = temporaryFolder();

  for (const name of readdirSync(EXAMPLES).filter((file) => file.endsWith('.json'))) {
    it(`${name}: its paths lead somewhere, and one update of it runs`, async function () {
      this.timeout(120_000);
      requireShared(this, 'models', 'minimind2-small', 'model.safetensors');
      const file = join(EXAMPLES, name);
      const { config } = await readRunConfig(new NodeFileSystem(), file);
      assert.equal(config.method, 'latro');
      const written = JSON.parse(await readFile(file, 'utf8')) as Record<string, Record<string, object>>;
      const short = {
        ...written,
        ...SHORT,
        $schema: resolve(dirname(file), String(written.$schema)),
        model: config.model,
        dataset: { ...config.dataset, rows: { train: '0:2', test: '2:4' } },
        sampling: { ...written.sampling, rationalesPerQuestion: 2, maxRationaleTokens: 8 },
        evaluation: { ...written.evaluation, maxTokens: 6 },
      };
      await mkdir(join(folder.path, name), { recursive: true });
      await writeFile(join(folder.path, name, 'latro.json'), JSON.stringify(short));
      const { stdout } = await latroOk(['train', 'latro.json', '--out', 'runs'], { cwd: join(folder.path, name) });
      assert.match(stdout.text, /2 test questions +base +step 1/);
      assert.match(stdout.text, /Mean log p\(answer\) after its own rationale +−\d+\.\d\d/);
    });
  }
});
