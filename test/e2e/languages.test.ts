import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { RunConfigInput } from '../../src/protocol/run_config.ts';
import { openBrowser } from './harness/browser.ts';
import { openStudio, pictureOfFailure, type Studio } from './harness/studio.ts';
import { prepareTraining } from './harness/training_workspace.ts';
import { Workbench } from './pages/workbench.ts';

const root = path.resolve(import.meta.dirname, '..', '..');
const LANGUAGES = {
  'zh-cn': {
    error: /没有数据集文件 .*gone\.jsonl。请检查路径。/,
    finished: /运行已完成/,
    warning: /零方差问题：在大多数问题上，所有推理过程的奖励都相同，模型从中学不到任何东西。（1，高于 0\.5）/,
    cure: /sampling\.rationalesPerQuestion：提高它或 sampling\.temperature/,
    hover: /以更新次数表示的运行长度。steps 和 epochs 只给其一。默认值：null。来源：由 epochs 决定。/,
  },
  ja: {
    error: /データセットファイル .*gone\.jsonl がありません。パスを確認してください。/,
    finished: /ランが終わりました/,
    warning:
      /分散ゼロの問題: ほとんどの問題で、すべての推論過程の報酬が同じになり、モデルは何も学べません。（1、0\.5 を上回る）/,
    cure: /sampling\.rationalesPerQuestion: これか sampling\.temperature を上げるか/,
    hover: /更新の数で表すランの長さ。steps か epochs のどちらかを指定します。既定値: null。出典: epochs で決まる。/,
  },
} as const;

/** As long as a health check looks back. */
const STEPS = 5;

/** Not only the extension's own words: what the engine says, and what its files hold in English, is shown in the window's language. */
describe('windows in other languages, one after the other', function () {
  this.timeout(300_000);
  let first: Studio;
  const configure = async (change: (config: RunConfigInput) => RunConfigInput) => {
    const file = path.join(first.workspace, 'latro.json');
    await writeFile(file, JSON.stringify(change(JSON.parse(await readFile(file, 'utf8'))), null, 2));
  };
  const testOn = (test: string, others: Partial<RunConfigInput> = {}) =>
    configure((config) => ({ ...config, ...others, dataset: { ...config.dataset, test } }));

  before(async () => {
    first = await openStudio({ language: 'zh-cn', prepare: (workspace) => prepareTraining(workspace, STEPS) });
  });
  after(() => first?.close());

  for (const [language, texts] of Object.entries(LANGUAGES)) {
    describe(`in ${language}`, () => {
      let studio: Studio;
      const nls: Record<string, string> = JSON.parse(
        readFileSync(path.join(root, `package.nls.${language}.json`), 'utf8'),
      );
      const train = `LaTRO: ${nls['command.trainOnDataset']}`;

      before(async () => {
        await rm(path.join(first.workspace, '.latro', 'runs'), { recursive: true, force: true });
        studio = language === 'zh-cn' ? first : await inLanguage(first, language);
      });
      after(() => (studio === first ? first.page.close() : studio?.close()));
      afterEach(async function () {
        await pictureOfFailure(studio, this.currentTest);
      });

      it('says what is wrong and what to do, when the engine refuses', async () => {
        const { workbench } = studio;
        await testOn('gone.jsonl');
        await workbench.openFile('train.jsonl');
        await workbench.runCommand(train, () => workbench.notification(texts.error).waitFor());
        await workbench.screenshot(`refused-${language}`);
        await workbench.runCommand('Notifications: Clear All Notifications');
      });

      it('warns in the dashboard of a run that goes wrong', async () => {
        const { workbench } = studio;
        // So cold that the rationales of a question are all the same, and earn the same.
        const cold = { rationalesPerQuestion: 4, maxRationaleTokens: 24, temperature: 0.001 };
        await testOn('test.jsonl', { sampling: cold });
        await workbench.openFile('train.jsonl');
        await workbench.runCommand(train, () => workbench.notification(texts.finished).waitFor({ timeout: 120_000 }));
        await workbench.openSideBar();
        await workbench.openRun('train.jsonl');
        const health = workbench.panel.locator('.health');
        await health.waitFor();
        const said = await health.innerText();
        assert.match(said, texts.warning);
        assert.match(said, texts.cure);
        await workbench.screenshot(`health-${language}`);
      });

      it('explains the settings of latro.json on hover', async () => {
        const { workbench, page, workspace } = studio;
        await workbench.openFile('latro.json');
        const lines = (await readFile(path.join(workspace, 'latro.json'), 'utf8')).split('\n');
        await workbench.goToLine(lines.findIndex((line) => line.startsWith('  "steps"')) + 1);
        for (let i = 0; i < 4; i++) await page.keyboard.press('ArrowRight');
        await workbench.runCommand('Show or Focus Hover');
        await page.locator('.monaco-hover', { hasText: texts.hover }).waitFor();
        await workbench.screenshot(`hover-${language}`);
      });
    });
  }
});

/** Another window on the same workspace: the engine that the first one started goes on. */
async function inLanguage(first: Studio, language: string): Promise<Studio> {
  const { browser, page, violations, hosts } = await openBrowser(language);
  const workbench = new Workbench(page);
  await workbench.open(first.url, first.workspace);
  return { ...first, workbench, page, violations, hosts, close: () => browser.close() };
}
