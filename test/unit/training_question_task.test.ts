import assert from 'node:assert/strict';
import { formatById } from '../../src/engine/datasets/registry.ts';
import type { DatasetRow } from '../../src/engine/datasets/row.ts';
import { ChatTemplate } from '../../src/engine/model/chat_template.ts';
import { resolveRunConfig } from '../../src/engine/runs/resolve_config.ts';
import { Policy } from '../../src/engine/training/policy.ts';
import { QuestionEncoder } from '../../src/engine/training/question_encoder.ts';
import type { QuestionTask } from '../../src/engine/training/question_task.ts';
import { questionTask } from '../../src/engine/training/run_setup.ts';
import type { RunConfigInput } from '../../src/protocol/run_config.ts';
import { expectLatroError } from '../support/expect_latro_error.ts';
import { temporaryFolder } from '../support/model_fixtures.ts';
import { tinyRunConfig, writeTinyProject } from '../support/tiny_run.ts';

describe('what a dataset asks of a model', () => {
  const folder = temporaryFolder();
  let policy: Policy;

  before(async () => {
    await writeTinyProject(folder.path);
    policy = await Policy.open({
      model: `${folder.path}/model`,
      adapter: null,
      mode: { kind: 'frozen' },
      programs: { device: 'cpu', threads: 1 },
      rows: 1,
      sequenceLength: 64,
      tokenBudget: 64,
    });
  });
  after(() => policy.dispose());

  const taskOf = (
    changes: Pick<RunConfigInput, 'preset' | 'templates'>,
    extractor: 'reference' | 'corrected' = 'corrected',
  ): QuestionTask =>
    questionTask(
      policy,
      tinyRunConfig(folder.path, { evaluation: { extractor }, ...changes }),
      { format: formatById('starter'), answerKind: 'number' },
      new Date(0),
    );
  const row = (answer: string): DatasetRow => ({ question: 'how many?', answer, line: 1, rowKey: '0' });

  it("finds the answer behind the template's own marker, before any other number", () => {
    const task = taskOf({ templates: { answer: 'total {answer}.' } });
    const text = '2 and 5, so total 7. i had 9 at first';
    assert.deepEqual(task.judge(text, row('7')), { extracted: '7', correct: true });
    // Without that marker the last number would be taken.
    assert.equal(taskOf({}).judge(text, row('7')).extracted, '9');
  });

  it("judges as the reference code does where that is asked for, as the paper's preset does", () => {
    const text = 'we get 5 apples then 6. The answer is: five.';
    assert.deepEqual(taskOf({}).judge(text, row('5')), { extracted: '5', correct: true });
    assert.deepEqual(taskOf({}, 'reference').judge(text, row('5')), { extracted: '6', correct: false });
    const extractorOf = (preset: 'latro-paper' | 'latro-corrected'): string =>
      resolveRunConfig({ model: 'm', dataset: { train: 'd' }, preset }, 'a test').config.evaluation.extractor;
    assert.deepEqual([extractorOf('latro-paper'), extractorOf('latro-corrected')], ['reference', 'corrected']);
  });

  it('ends a rationale at that marker', () => {
    const task = taskOf({ templates: { answer: 'total {answer}.' } });
    const ids = policy.tokenizer.encode('2 and 5, so total 7.', { addSpecialTokens: false });
    assert.equal(policy.tokenizer.decode(ids.slice(0, task.rationaleLength(ids))).trimEnd(), '2 and 5, so');
  });

  it('joins y as the reference code does under the preset latro-paper, with one full stop and a line break otherwise', () => {
    const answer = (preset: 'latro-paper' | 'latro-corrected'): string =>
      taskOf({ preset }).encoder.encode(row('it is 7.'), 0).answer;
    assert.equal(answer('latro-paper'), 'The answer is it is 7..<|end|>');
    assert.equal(answer('latro-corrected'), '\nThe answer is it is 7.<|end|>');
  });

  describe('refuses a chat template', () => {
    const encoderOf = (template: string): QuestionEncoder =>
      new QuestionEncoder(
        policy.tokenizer,
        policy.config,
        formatById('starter').template,
        new ChatTemplate(template, 'a test', policy.tokenizer.specialTokens),
        new Date(0),
      );
    const encode = (template: string): unknown => encoderOf(template).encode(row('7'), 0);

    it('that leaves the question out of the prompt', async () => {
      await expectLatroError(() => encode('go on'), 'chat-template', 'leaves the question out');
      await expectLatroError(() => encode(''), 'chat-template', 'leaves the question out');
      await expectLatroError(() => encoderOf('go on').check(row('7'), 0), 'chat-template', 'leaves the question out');
      assert.ok(encode('{{ messages[0].content | trim | upper }}'));
    });

    it('that gives some question an empty prompt', () =>
      expectLatroError(() => encode('{{ messages[0].content[40:] }}'), 'chat-template', 'line 1', 'no token'));
  });
});
