import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { extractAnswer, isCorrect, RIGHT_FREE_TEXT_CHRF } from '../../src/engine/evaluate/extract.ts';
import { chrF, rougeL } from '../../src/engine/evaluate/text_metrics.ts';
import type { EvaluationRow, EvaluationSummary } from '../../src/protocol/records.ts';
import { latro, latroOk } from '../support/command_line.ts';
import { temporaryFolder } from '../support/model_fixtures.ts';
import { tinyQuestions, writeTinyFolder } from '../support/tiny_folder.ts';

type Written = EvaluationSummary & {
  readonly greedyAccuracyInterval95: [number, number];
  readonly rows: EvaluationRow[];
};

describe('latro eval', () => {
  const folder = temporaryFolder();
  const at = (name: string): string => join(folder.path, name);
  const evaluate = async (...more: string[]): Promise<Written> => {
    const common = ['eval', '--model', 'model', '--dataset', 'questions.jsonl', '--max-tokens', '8', '--threads', '1'];
    await latroOk([...common, ...more, '--json', 'out.json'], { cwd: folder.path });
    return JSON.parse(await readFile(at('out.json'), 'utf8')) as Written;
  };

  before(async () => {
    await writeTinyFolder(at('model'));
    await writeFile(at('questions.jsonl'), tinyQuestions(10));
  });

  it('writes figures that its rows add up to', async () => {
    const written = await evaluate('--k', '3');
    const { rows } = written;
    const share = (right: (row: EvaluationRow) => boolean): number => rows.filter(right).length / rows.length;
    assert.equal(written.questions, 10);
    assert.equal(rows.length, 10);
    assert.equal(
      written.greedyAccuracy,
      share(({ greedy }) => greedy.correct),
    );
    assert.equal(
      written.majorityAccuracy,
      share(({ majorityCorrect }) => majorityCorrect === true),
    );
    assert.equal(
      written.passAtK,
      share(({ samples }) => samples.some(({ correct }) => correct)),
    );
    const mean = rows.reduce((sum, row) => sum + row.answerLogProbGreedy, 0) / rows.length;
    assert.ok(Math.abs(written.meanAnswerLogProbGreedy - mean) < 1e-9);
    const [low, high] = written.greedyAccuracyInterval95;
    assert.ok(low <= written.greedyAccuracy && written.greedyAccuracy <= high && low < high);
    for (const { samples } of rows) assert.equal(samples.length, 3);
  });

  it('takes the rows it is asked for, in the order of the file', async () => {
    const lines = async (slice: string): Promise<number[]> =>
      (await evaluate('--rows', slice)).rows.map(({ line }) => line);
    assert.deepEqual(await lines('2:5'), [3, 4, 5]);
    assert.deepEqual(await lines('-2:'), [9, 10]);
    assert.deepEqual(await lines(':1'), [1]);
  });

  it('answers a question alike whatever else is asked', async () => {
    const [whole, part] = [
      await evaluate('--k', '2', '--seed', '7'),
      await evaluate('--k', '2', '--seed', '7', '--rows', '4:6'),
    ];
    const texts = ({ rows }: Written, line: number): string[] =>
      rows
        .filter((row) => row.line === line)
        .flatMap(({ greedy, samples }) => [greedy.text, ...samples.map(({ text }) => text)]);
    for (const line of [5, 6]) assert.deepEqual(texts(part, line), texts(whole, line));
  });

  it('reads any columns by the mapping of a latro.json, and asks with its templates', async () => {
    const rows = [1, 2].map((n) => JSON.stringify({ frage: `Wie viele? ${n}`, loesung: String(n) }));
    await writeFile(at('fremd.jsonl'), rows.join('\n'));
    const config = {
      model: 'model',
      dataset: { train: 'fremd.jsonl', format: 'columns', mapping: { question: 'frage', answer: 'loesung' } },
      templates: { prompt: 'F: {question}\nA:' },
    };
    await writeFile(at('latro.json'), JSON.stringify(config));
    const argv = [
      'sample',
      '--model',
      'model',
      '--rows',
      'fremd.jsonl',
      '--k',
      '1',
      '--max-tokens',
      '4',
      '--threads',
      '1',
    ];
    const { stdout } = await latroOk([...argv, '--config', 'latro.json'], { cwd: folder.path });
    const lines = stdout.lines.map((line) => JSON.parse(line) as { prompt: string; goldAnswer: string });
    assert.deepEqual(
      lines.map(({ prompt, goldAnswer }) => [prompt, goldAnswer]),
      [
        ['F: Wie viele? 1\nA:', '1'],
        ['F: Wie viele? 2\nA:', '2'],
      ],
    );
    const written = [
      'eval',
      '--model',
      'model',
      '--dataset',
      'fremd.jsonl',
      '--config',
      'latro.json',
      '--max-tokens',
      '4',
    ];
    const report = await latroOk([...written, '--threads', '1'], { cwd: folder.path });
    assert.match(report.stdout.lines[0]!, /^fremd\.jsonl: 2 questions in /);
  });

  it('scores free text by chrF and ROUGE-L, for each answer and on average', async () => {
    await writeFile(
      at('texte.jsonl'),
      '{"question":"2 apples","answer":"zwei \u00c4pfel"}\n{"question":"3","answer":"drei"}\n',
    );
    const config = { model: 'model', dataset: { train: 'texte.jsonl', answers: 'free-text' } };
    await writeFile(at('free.json'), JSON.stringify(config));
    const argv = ['eval', '--model', 'model', '--dataset', 'texte.jsonl', '--config', 'free.json', '--k', '2'];
    const more = ['--max-tokens', '8', '--threads', '1', '--json', 'free_out.json'];
    const { stdout } = await latroOk([...argv, ...more], { cwd: folder.path });
    const written = JSON.parse(await readFile(at('free_out.json'), 'utf8')) as Written;
    for (const { goldAnswer, greedy, samples } of written.rows) {
      for (const output of [greedy, ...samples]) {
        const said = output.extractedAnswer ?? '';
        assert.deepEqual(output.similarity, { chrF: chrF(said, goldAnswer), rougeL: rougeL(said, goldAnswer) });
        assert.equal(output.correct, output.extractedAnswer !== null && chrF(said, goldAnswer) >= RIGHT_FREE_TEXT_CHRF);
      }
    }
    const greedy = written.rows.map((row) => row.greedy.similarity?.chrF ?? Number.NaN);
    assert.equal(written.meanChrF, (greedy[0]! + greedy[1]!) / 2);
    assert.match(stdout.text, /Mean chrF +\d+\.\d .*\n.*Mean ROUGE-L +0\.\d{3}/);
  });

  it('judges as the reference code does when asked to', async () => {
    const [ours, theirs] = [await evaluate('--seed', '3'), await evaluate('--seed', '3', '--extractor', 'reference')];
    assert.deepEqual(
      ours.rows.map(({ greedy }) => greedy.text),
      theirs.rows.map(({ greedy }) => greedy.text),
    );
    for (const [rows, mode] of [
      [ours.rows, 'corrected'],
      [theirs.rows, 'reference'],
    ] as const) {
      for (const { greedy, goldAnswer } of rows) {
        assert.equal(greedy.extractedAnswer, extractAnswer(greedy.text, 'number', mode));
        assert.equal(greedy.correct, isCorrect(greedy.extractedAnswer, goldAnswer, 'number', mode));
      }
    }
  });

  it('says what the model takes before it is loaded', async () => {
    const argv = ['eval', '--model', 'model', '--dataset', 'questions.jsonl', '--threads', '1', '--rows', ':1'];
    const { stderr } = await latroOk([...argv, '--max-tokens', '4'], { cwd: folder.path });
    assert.match(
      stderr.text,
      /^Takes \d+\.\d GB to \d+\.\d GB of memory \(at most: weights \d.* GB, sampling .*\); \d+\.\d GB are free\.\n/,
    );
  });

  it('leaves nothing behind when it is stopped', async () => {
    const argv = [
      'eval',
      '--model',
      'model',
      '--dataset',
      'questions.jsonl',
      '--json',
      'stopped.json',
      '--threads',
      '1',
    ];
    const { code, stdout } = await latro(argv, { cwd: folder.path, signal: AbortSignal.abort() });
    assert.equal(code, 130);
    assert.equal(stdout.text, '');
    assert.ok(!existsSync(at('stopped.json')));
  });
});
