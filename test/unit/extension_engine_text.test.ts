/** What the engine says is recognised and said in the editor's language: real messages of the real engine, and old ones from files. */
import assert from 'node:assert/strict';
import { NodeFileSystem } from '../../src/engine/common/file_system.ts';
import { columnsFormat } from '../../src/engine/datasets/formats/columns.ts';
import { jsonRowSources } from '../../src/engine/datasets/json_row_sources.ts';
import { readDataset } from '../../src/engine/datasets/read_dataset.ts';
import { FORMATS, formatById } from '../../src/engine/datasets/registry.ts';
import { checkRow, LONGEST_ROW } from '../../src/engine/datasets/row_check.ts';
import { HEALTH_RULES } from '../../src/engine/latro/health.ts';
import { systemProcesses } from '../../src/engine/runs/processes.ts';
import { resolveRunConfig } from '../../src/engine/runs/resolve_config.ts';
import { RunStore } from '../../src/engine/runs/run_store.ts';
import { MessageTemplates } from '../../src/extension/common/message_templates.ts';
import { LANGUAGES, speak } from '../support/languages.ts';
import { ManualClock } from '../support/manual_clock.ts';

/** Rows with every kind of mistake, under every format. */
const ROWS = [
  '{"question": "a?"}',
  '{"question": "a?", "anser": "1"}',
  '{"question": "", "answer": "1"}',
  '{"question": 1, "answer": []}',
  '{"question": {}, "answer": null}',
  '{"question": true, "answer": "1"}',
  '{"question": "a\u200b?", "answer": "1"}',
  '{"question": "a?", "answer": "no mark"}',
  '{"question": "a?", "answer": "1", "choices": {"text": ["x"], "label": ["A"]}, "answerKey": "B"}',
  '{"question": "a?", "choices": {"text": ["x", "y"], "label": ["A", "B"]}, "answerKey": "C"}',
  '{"question": "a?", "answer": "z", "choices": ["x", "y"]}',
  '{"question": "a?", "answer": "z", "choices": "x"}',
  '{"sQuestion": "a?", "lSolutions": ["1"]}',
  '{"sQuestion": "a?", "lSolutions": [1e999]}',
  '{"Body": "b", "Question": "a?", "Answer": "x"}',
  '[1]',
  '"text"',
  '{"question": "a?", "answer": "1"} more',
  '{"question": "a?", "answer": "1"},',
  '{"question": "a?", "answer": }',
  '{"question": "a?", "answer":',
  '{"question" "a?"}',
  '{"question": "a?" "answer": "1"}',
  '{"question": "a?",}',
  '{"question": "a?',
  String.raw`{"question": "a\q?"}`,
  '{"question": "a\t?"}',
  "{'question': 'a?'}",
  '{question: "a?"}',
  '{"question": True}',
  '{"question": word}',
  '{"question": "a?", "answer": "1"',
  '{"question": ["a?"',
  `${'['.repeat(80)}`,
  `{"question": "${'x'.repeat(LONGEST_ROW)}"}`,
];
const DOCUMENTS = ['1', '{"a": 1}', '[{"a": 1},,{"a": 2}]', '[{"a": 1},]', '[{"a": 1} {"a": 2}]', '[{"a": 1}'];

/** What the check says of rows and documents, and the titles of its fixes. */
function saidOfRows(): string[] {
  const choices = columnsFormat({ question: 'question', answer: 'answer', choices: 'choices' });
  const said = new Set<string>();
  for (const format of [...FORMATS, choices, formatById('starter')]) {
    for (const row of ROWS) {
      for (const { message, fix } of checkRow(row, 1, format).problems) {
        said.add(message);
        if (fix) said.add(fix.title);
      }
    }
  }
  for (const text of DOCUMENTS) said.add(jsonRowSources(text).broken?.message ?? '');
  return [...said];
}

/** English words outside of what is quoted, named or written as code. */
const englishIn = (text: string): string[] =>
  text
    .replaceAll(/Leave-one-out|"[^"]*"|'[^']*'|\S*[/.]\S*|[a-z]+[A-Z]\w*/g, ' ')
    .match(/\b[a-z]{3,}\b/g)
    ?.filter((word) => !/^(precision|log|true|false|null|sft|gfpo|ssft|rejection|sampling|latro)$/.test(word)) ?? [];

const messageOf = async (work: () => unknown): Promise<string> => {
  try {
    await work();
  } catch (error) {
    return (error as Error).message;
  }
  throw new Error('nothing was thrown');
};

for (const language of LANGUAGES) {
  describe(`what the engine says, in ${language}`, () => {
    const { engineText } = speak(language);

    it('has every sentence of the row check, with what it names', () => {
      const said = saidOfRows();
      assert.ok(said.length > 40, `${said.length}`);
      for (const sentence of said) {
        const text = engineText(sentence);
        assert.notEqual(text, sentence);
        assert.deepEqual(englishIn(text), [], text);
      }
      assert.match(engineText('"answer" must be a text or a number, not a list.'), /"answer".*(列表|リスト)/);
    });

    it('has every health warning with its figures, and its cure with the names of settings', () => {
      for (const { title, explanation, raisedWhen, cure } of HEALTH_RULES) {
        const message = engineText(`${title}: ${explanation} (0.417, ${raisedWhen} 0.5)`);
        assert.deepEqual(englishIn(message), [], message);
        assert.match(message, /0\.417.*0\.5/);
        const remedy = engineText(`${cure.setting}: ${cure.advice}.`);
        assert.deepEqual(englishIn(remedy), [], remedy);
        assert.ok(remedy.startsWith(cure.setting), remedy);
      }
    });

    it('has errors of the engine: what is wrong, with its names, and what to do', async () => {
      const files = new NodeFileSystem();
      const config = (settings: object) =>
        resolveRunConfig({ model: 'm', dataset: { train: 't' }, ...settings }, 'latro.json');
      const errors: [() => unknown, RegExp][] = [
        [() => readDataset('/nowhere/train.jsonl'), /\/nowhere\/train\.jsonl/],
        [
          () => new RunStore({ files, clock: new ManualClock(), processes: systemProcesses }, '/nowhere').find('r1'),
          /\/nowhere .*"r1"/,
        ],
        [() => config({ steps: 0 }), /"steps".*0.*1/],
        [() => config({ stepz: 3 }), /"stepz".*"steps"/],
        [() => config({ steps: 2, epochs: 1 }), /"steps".*"epochs"/],
        [() => config({ sampling: { rationalesPerQuestion: 1 } }), /"sampling\.rationalesPerQuestion".*1.*2/],
        [() => config({ sampling: { temperature: 'hot' } }), /"sampling\.temperature".*"hot"/],
        [() => config({ sampling: { minRationaleTokens: 9, maxRationaleTokens: 8 } }), /9.*8/],
        [() => config({ health: { stopOn: ['x'] } }), /"health\.stopOn\[0\]".*"x"/],
      ];
      for (const [work, names] of errors) {
        const message = await messageOf(work);
        const text = engineText(message);
        assert.notEqual(text, message);
        assert.match(text, names);
        assert.deepEqual(englishIn(text), [], text);
        assert.doesNotMatch(text, /。 /);
      }
    });

    it('has what old files say of a run that ended, several sentences in one', () => {
      for (const reason of [
        'Stopped; it can be resumed.',
        'Its process ended without saving; it can be resumed.',
        'A log-probability is NaN in update 7, on the question of line 12. The last good checkpoint is kept: start a new run from its "adapter" (or "model") folder with a lower optimizer.learningRate.',
        "A log-probability is Infinity in update 1, on the question of line 2. The run computes in float16, which ends at 65504: precision 'float32' reaches further. No update was made yet: look at the model and at that question.",
      ]) {
        const text = engineText(reason);
        assert.deepEqual(englishIn(text), [], text);
        for (const number of reason.match(/\d+/g) ?? []) assert.ok(text.includes(number), text);
      }
    });

    it('leaves what nobody knows as it is, and translates around it', () => {
      for (const foreign of [
        '',
        'Segmentation fault',
        'Some other program failed: it has no memory. Try more.',
        '问题 "a"',
      ]) {
        assert.equal(engineText(foreign), foreign);
      }
      const native = "Non-zero status code returned while running Add node. Name:'x'";
      const text = engineText(
        `The device 'webgpu' could not start the program step: ${native}. Choose the device 'cpu'.`,
      );
      assert.ok(text.includes(native), text);
      assert.deepEqual(englishIn(text.replace(native, '').replace('step', '')), [], text);
    });

    it('is quick, however long and however often', () => {
      const long = `${'word. '.repeat(200)}${'a: '.repeat(100)}`;
      const started = performance.now();
      engineText(long);
      for (let i = 0; i < 200; i++) engineText(`"column${i}" must be a text or a number, not a list.`);
      assert.ok(performance.now() - started < 2000, `${performance.now() - started} ms`);
    });

    it('is quick with rows made to slow it down', () => {
      const hostile = [
        `"answerKey" must be one of the labels ${':: ('.repeat(120)} errors x`,
        `${':: ('.repeat(230)} errors x`,
        `${'a: b (c). '.repeat(90)}other row has errors too`,
        `${'( '.repeat(400)}) is not in the file`,
      ];
      for (const text of hostile) {
        assert.ok(text.length <= 1000, 'longer ones are not looked at');
        const before = process.cpuUsage();
        engineText(text);
        const { user, system } = process.cpuUsage(before);
        assert.ok(user + system < 500_000, `${(user + system) / 1000} ms: ${text.slice(0, 50)}`);
      }
    });
  });
}

describe('templates of messages', () => {
  const joints = {
    sentences: (a: string, b: string) => `${a} ${b}`,
    sentence: (part: string) => `${part}.`,
    labelled: (label: string, text: string) => `${label}: ${text}`,
    remarked: (text: string, remark: string) => `${text} (${remark})`,
  };
  const of = (entries: Record<string, string>) => new MessageTemplates(Object.entries(entries), joints);

  it('take the reading that recognises most', () => {
    const templates = of({ '{0} is {1}.': 'A {1} {0}.', '{0} is a file.': 'FILE {0}.', 'x is {0}.': 'X {0}.' });
    assert.equal(templates.translate('x is a file.'), 'FILE x.');
    assert.equal(templates.translate('x is green.'), 'X green.');
    assert.equal(templates.translate('y is green.'), 'A green y.');
  });

  it('recognise what stands in a hole, and reorder', () => {
    const templates = of({ '{0} must be {1}.': 'must({1}, {0})', 'a list of {0}': 'list<{0}>', 'two words': 'TWO' });
    assert.equal(templates.translate('x must be a list of two words.'), 'must(list<TWO>, x)');
  });

  it('leave names in quotes as they are, whatever they are', () => {
    const templates = of({
      'The field "{0}" is {1}.': 'FIELD "{0}" ({1})',
      "No device '{0}'.": "NONE '{0}'",
      'a number': 'N',
    });
    assert.equal(templates.translate('The field "a number" is a number.'), 'FIELD "a number" (N)');
    assert.equal(templates.translate("No device 'a number'."), "NONE 'a number'");
  });

  it('do not take one sentence for the value of a hole in another', () => {
    const templates = of({ 'There is no file {0}.': 'NO {0}!', 'Check {0}.': 'CHECK {0}!' });
    assert.equal(templates.translate('There is no file a.b. Check it.'), 'NO a.b! CHECK it!');
  });
});
