import assert from 'node:assert/strict';
import fc from 'fast-check';
import { readDataset } from '../../src/engine/datasets/read_dataset.ts';
import type { AnswerKind } from '../../src/engine/datasets/row.ts';
import { buildAnswer, stepByStepTemplate } from '../../src/engine/datasets/template.ts';
import { type ExtractionMode, extractAnswer, isCorrect } from '../../src/engine/evaluate/extract.ts';
import { requireShared } from '../support/shared_folder.ts';

interface Judged {
  readonly extracted: string | null;
  readonly correct: boolean;
}

function judge(
  text: string,
  gold: string,
  kind: AnswerKind,
  mode: ExtractionMode,
  choices?: readonly string[],
): Judged {
  const extracted = extractAnswer(text, kind, mode, choices);
  return { extracted, correct: isCorrect(extracted, gold, kind, mode, choices) };
}

describe('evaluate: the test vectors of the reference extractors, in both modes', function () {
  this.timeout(60_000);
  // [gold, output, what the reference extracts (null: not stated) and says, what ours extracts and says]
  type Vector = [
    gold: string,
    output: string,
    reference: [string | null, boolean],
    corrected: [string | null, boolean],
  ];
  const numbers: Vector[] = [
    ['72', '...so 72. The answer is 72.', ['72', true], ['72', true]],
    ['1,000', 'The answer is 1000.00', ['1000.00', true], ['1000', true]],
    ['0.5', 'The answer is .5', ['.5', true], ['0.5', true]],
    ['-3', 'The answer is -3.', ['-3', true], ['-3', true]],
    ['65960', 'The answer is 65,960.', ['65,960', true], ['65960', true]],
    ['18', '... = 18 dollars. #### 18', ['18', true], ['18', true]],
    ['10', 'The answer is 10. The answer is 12.', ['12', false], ['12', false]],
    ['20', 'the answer is 20. Check 5', ['5', false], ['20', true]],
    ['5', 'We get 5 apples then 6. The answer is: five.', ['6', false], ['5', true]],
    ['5', 'Final answer: **5** (out of 10)', ['10', false], ['5', true]],
  ];
  for (const [gold, output, reference, corrected] of numbers) {
    it(`number ${gold}: ${output}`, () => {
      assert.deepEqual(judge(output, gold, 'number', 'reference'), { extracted: reference[0], correct: reference[1] });
      assert.deepEqual(judge(output, gold, 'number', 'corrected'), { extracted: corrected[0], correct: corrected[1] });
    });
  }

  const choices: [gold: string, output: string, reference: boolean, corrected: boolean, options: string[]][] = [
    ['oil', 'The answer is soil.', true, false, ['oil', 'soil', 'water', 'air']],
    ['heat', 'I think. The answer is not heat.', true, false, ['heat', 'light', 'sound', 'motion']],
    ['3.5 meters', 'The answer is 3.5 meters.', false, true, ['3 meters', '3.5 meters', '5 meters', '35 meters']],
  ];
  for (const [gold, output, reference, corrected, options] of choices) {
    it(`choice ${gold}: ${output}`, () => {
      assert.equal(judge(output, gold, 'choice', 'reference').correct, reference);
      assert.equal(judge(output, gold, 'choice', 'reference', options).correct, reference);
      assert.equal(judge(output, gold, 'choice', 'corrected').correct, corrected, 'without the options');
      assert.equal(judge(output, gold, 'choice', 'corrected', options).correct, corrected, 'with the options');
    });
  }
});

describe('evaluate: numbers', function () {
  this.timeout(60_000);
  const stated: [output: string, number: string | null][] = [
    ['THE ANSWER IS 42', '42'],
    ['The final answer is: $1,234.50.', '1234.5'],
    ['**The answer is** 7', '7'],
    ['The answer is **$7**.', '7'],
    ['The answer is -$5.', '-5'],
    ['The answer is $-5.', '-5'],
    ['The answer is −5 °C.', '-5'],
    ['So the answer is \\boxed{72}.', '72'],
    ['Therefore $\\boxed{\\text{72 clips}}$', '72'],
    ['$\\boxed{\\frac{3}{4}}$', '0.75'],
    ['$$\\boxed{1{,}080}$$', '1080'],
    ['The answer is \\(72\\).', '72'],
    ['The answer is:\n\n$$\n72\n$$', '72'],
    ['### Final answer\n\n72 apples', '72'],
    ['The answer to the question is 9.', '9'],
    ['Answer = 9', '9'],
    ['The answer is 25%.', '25'],
    ['The answer is 3/4.', '0.75'],
    ['The answer is 2 1/2 cups.', '2.5'],
    ['The answer is 1.5e3.', '1500'],
    ['The answer is 1,00,000 rupees.', '100000'],
    ['The answer is 12\u202f000 km.', '12000'],
    ['The answer is 007.', '7'],
    ['The answer is -0.', '0'],
    ['The answer is twenty-five dollars.', '25'],
    ['The answer is two hundred and five.', '205'],
    ['The answer is minus three.', '-3'],
    ['The answer is three thousand four hundred.', '3400'],
    ['The answer is the one with 8 legs.', '8'],
    ['The answer is one.', '1'],
    ['The answer is 48 + 24 = 72.', '72'],
    ['The answer is 72 = 48 + 24.', '72'],
    ['The answer is x = 5.', '5'],
    ['The answer is 5 apples and 3 pears.', '5'],
    ['The answer is (5).', '5'],
    ['The answer is approx. 5.', '5'],
    ['The answer is not 20, it is 25.', '25'],
    ["The answer isn't 20. The answer is 25.", '25'],
    ['The answer is 5 or 6.', null],
    ['The answer is 6. I hope the answer is clear.', '6'],
    ['The answer is 5.\n\nQ: What is the answer to 2 + 2?\nA: The answer is 4.', '4'],
    ['Let me see. 48 + 24 = 72', '72'],
    ['48 + 24 = 72 clips for 3 friends', '72'],
    ['He pays 5 each.\nIn 3 days that makes **15** dollars, not 20.', '15'],
    ['1. Start with 5.\n2. Add 6.\n\nTotal: 11', '11'],
    ['#### 1. First step\nTwo plus two.\n#### 2. Second step\nThat makes 4', '4'],
    ['5-3 = 2', '2'],
    ['10 - 4 leaves 6', '6'],
    ['I do not know.', null],
    ['', null],
    ['The answer is', null],
    ['H2O and B12', null],
  ];
  for (const [output, number] of stated) {
    it(JSON.stringify(output), () => assert.equal(extractAnswer(output, 'number', 'corrected'), number));
  }

  it('compares as numbers, exactly where they are whole', () => {
    const same: [string, string][] = [
      ['1080', '1,080'],
      ['72.0', '72'],
      ['0.3333333333', '0.33333333333'],
      ['18', '$18'],
      ['50', '50%'],
      ['-5', '−5'],
      ['0.75', '3/4'],
      ['5', 'five'],
    ];
    for (const [a, b] of same) assert.ok(isCorrect(a, b, 'number', 'corrected'), `${a} ${b}`);
    const other: [string, string][] = [
      ['72', '73'],
      ['1000000000', '1000000001'],
      ['9007199254740993', '9007199254740992'],
      ['5', '-5'],
      ['0.33', '1/3'],
      ['1', '10'],
      ['0', '0.1'],
    ];
    for (const [a, b] of other) assert.ok(!isCorrect(a, b, 'number', 'corrected'), `${a} ${b}`);
    assert.ok(!isCorrect(null, '0', 'number', 'corrected'));
    assert.ok(!isCorrect(null, '', 'number', 'reference'));
  });

  it('equal numbers are extracted as equal texts, so that votes for them add up', () => {
    for (const written of ['1,000', '1000', '1000.00', '$1,000', '**1000**', 'one thousand', '1e3', '2000/2']) {
      assert.equal(extractAnswer(`The answer is ${written}.`, 'number', 'corrected'), '1000', written);
    }
  });

  it('any number, however it is written and dressed, is found again', () => {
    const dress = fc.constantFrom(
      (n: string) => n,
      (n: string) => `**${n}**`,
      (n: string) => `$${n}$`,
      (n: string) => `\\boxed{${n}}`,
      (n: string) => `${n} apples`,
      (n: string) => `"${n}"`,
    );
    const lead = fc.constantFrom(
      'The answer is ',
      'the final answer is: ',
      'Answer: ',
      '**Answer:** ',
      'So we add 3 and 4.\n\nThe answer is ',
    );
    fc.assert(
      fc.property(
        fc.integer({ min: -1e9, max: 1e9 }),
        fc.boolean(),
        dress,
        lead,
        (value, grouped, dressed, leading) => {
          const written = grouped ? value.toLocaleString('en-US') : String(value);
          const extracted = extractAnswer(`${leading}${dressed(written)}.`, 'number', 'corrected');
          assert.equal(extracted, String(value));
          assert.ok(isCorrect(extracted, written, 'number', 'corrected'));
        },
      ),
    );
  });

  it('never throws and never takes long, whatever the text', () => {
    const piece = fc.constantFrom(
      'answer',
      ' is ',
      ':',
      '####',
      '\\boxed{',
      '}',
      '1,',
      '.',
      '-',
      '/',
      '=',
      'not ',
      'twenty',
      ' and ',
      '\n',
      '  ',
      '$',
      '*',
      '(',
      ')',
    );
    fc.assert(
      fc.property(
        fc.array(piece, { maxLength: 60 }),
        fc.constantFrom<AnswerKind>('number', 'choice', 'exact', 'free-text'),
        (pieces, kind) => {
          for (const mode of ['reference', 'corrected'] as const)
            judge(pieces.join(''), '1', kind, mode, kind === 'choice' ? ['1', 'is'] : undefined);
        },
      ),
    );
    // Quadratic time on any of these would run into the time limit below.
    for (const unit of [
      'answer ',
      'answer is ',
      '1,',
      '1/',
      '#### ',
      '\\boxed{',
      'twenty ',
      '((',
      '= ',
      'a. ',
      '   ',
      '***',
      'not 1 or ',
    ]) {
      for (const kind of ['number', 'choice', 'exact'] as const)
        judge(unit.repeat(10_000), '1', kind, 'corrected', kind === 'choice' ? ['1', 'is'] : undefined);
    }
  });
});

describe('evaluate: choices', function () {
  this.timeout(60_000);
  const options = ['heat', 'heat waves', 'the Sun', 'a planet'];
  const chosen: [output: string, option: string | null, options?: string[]][] = [
    ['The answer is heat.', 'heat'],
    ['The answer is heat waves.', 'heat waves'],
    ['THE ANSWER IS: "HEAT".', 'heat'],
    ['**Answer:** heat', 'heat'],
    ['The answer is heat because it is warm.', 'heat'],
    ['The answer is a planet.', 'a planet'],
    ['The answer is sun.', null],
    ['The answer is most likely the Sun.', 'the Sun'],
    ['The answer is not heat but the Sun.', 'the Sun'],
    ['The answer is heat or the Sun.', null],
    ['The answer is wheat.', null],
    ['The answer is heated.', null],
    ['The answer is heat-resistant paint.', null],
    ['The answer is (C).', 'the Sun'],
    ['The answer is C.', 'the Sun'],
    ['The answer is C', 'the Sun'],
    ['The answer is option D', 'a planet'],
    ['The answer is B. heat', 'heat'],
    ['The answer is **C) the Sun**', 'the Sun'],
    ['The answer is E.', null],
    ['The answer is heat. Wait. The answer is the Sun.', 'the Sun'],
    ['The answer is obvious.\nSo it must be the Sun.', 'the Sun'],
    ['heat', 'heat'],
    ['Heat.', 'heat'],
    ['C', 'the Sun'],
    ['Both heat and the Sun matter.', null],
    ['Heat waves are warm.\nI choose the Sun.', 'the Sun'],
    ['', null],
    ['The answer is 3.', '3', ['3', '3.5', '35']],
    ['The answer is 3.5 of course.', '3.5', ['3', '3.5', '35']],
    ['The answer is 3/4.', null, ['3', '4']],
    ['The answer is WW or Ww.', 'WW or Ww', ['WW or ww', 'WW or Ww', 'WW only', 'Ww only']],
    ['The answer is WW or ww.', 'WW or ww', ['WW or ww', 'WW or Ww', 'WW only', 'Ww only']],
    ['The answer is 100 °C.', null, ['100°C', '10°C']],
    ['The answer is 100ºC.', '100°C', ['100°C', '10°C']],
    ['The answer is the Sun’s light.', "the Sun's light", ["the Sun's light", 'dark']],
    ["The answer is ['heat']", 'heat'],
  ];
  for (const [output, option, own = options] of chosen) {
    it(JSON.stringify(output), () => assert.equal(extractAnswer(output, 'choice', 'corrected', own), option));
  }

  it('every option of ARC is recognised in its own answer, and no other option is', async function () {
    const { rows } = await readDataset(requireShared(this, 'datasets', 'arc-challenge', 'test.jsonl'));
    for (const row of rows) {
      for (const option of row.choices ?? []) {
        const { text } = buildAnswer({ question: row.question, answer: option }, stepByStepTemplate, '');
        const judged = judge(`Some steps.${text}`, row.answer, 'choice', 'corrected', row.choices);
        assert.deepEqual(judged, { extracted: option, correct: option === row.answer }, `line ${row.line}`);
      }
    }
  });

  it('the gold answer written with the template is right for every row of every dataset', async function () {
    for (const file of [
      'gsm8k/test.jsonl',
      'svamp/SVAMP.json',
      'multiarith/MultiArith.json',
      'last-letters/last_letters.json',
      'coin-flip/coin_flip.json',
    ]) {
      const { rows, answerKind } = await readDataset(requireShared(this, 'datasets', file));
      for (const [index, row] of rows.entries()) {
        const { text } = buildAnswer(row, stepByStepTemplate, '');
        const output = `${row.goldRationale ?? 'Some steps.'}${text}`;
        assert.ok(judge(output, row.answer, answerKind, 'corrected').correct, `${file}:${row.line}: ${output}`);
        const other = rows[(index + 1) % rows.length];
        if (other && other.answer !== row.answer)
          assert.ok(!judge(output, other.answer, answerKind, 'corrected').correct, `${file}:${row.line}`);
      }
    }
  });

  it('GSM8K solutions as they are, "#### 72" at the end, are read right', async function () {
    const { rows } = await readDataset(requireShared(this, 'datasets', 'gsm8k', 'test.jsonl'));
    for (const row of rows) {
      const solution = `${row.goldRationale}\n#### ${row.answer}`;
      assert.ok(judge(solution, row.answer, 'number', 'corrected').correct, `line ${row.line}`);
      assert.ok(judge(solution, row.answer, 'number', 'reference').correct, `line ${row.line}`);
    }
  });
});

describe('evaluate: exact strings and free text', function () {
  this.timeout(60_000);
  const exact: [output: string, answer: string | null][] = [
    ['The answer is yajo.', 'yajo'],
    ['The answer is "yajo".', 'yajo'],
    ['The answer is **yajo** because y, a, j, o.', 'yajo'],
    ['The answer is yes, the coin is still heads up.', 'yes'],
    ['So the answer is no.', 'no'],
    ['The answer is: No; it was flipped.', 'No'],
    ['The answer is Paris, France.', 'Paris, France'],
    ['The answer is U.S. dollars.', 'U.S'],
    ['Yes, the coin is heads up.', 'Yes'],
    ['It is flipped twice. So yes.', 'yes'],
    ['No coins are left on the big table today.', null],
    ['Concatenating them gives "yajo".', 'yajo'],
    ['The letters are y, a, j, o.\n\n**yajo**', 'yajo'],
    ['yajo', 'yajo'],
    ['', null],
  ];
  for (const [output, answer] of exact) {
    it(JSON.stringify(output), () => assert.equal(extractAnswer(output, 'exact', 'corrected'), answer));
  }

  it('compares whole strings whatever their case', () => {
    assert.ok(isCorrect('YES', 'yes', 'exact', 'corrected'));
    assert.ok(isCorrect('“yajo”', 'yajo', 'exact', 'corrected'));
    for (const [a, b] of [
      ['yajoo', 'yajo'],
      ['no', 'not'],
      ['not yes', 'yes'],
      ['yes or no', 'yes'],
      ['', ''],
    ] as const) {
      assert.ok(!isCorrect(a, b, 'exact', 'corrected'), a);
    }
  });

  it('free text is what follows the marker, or all of it, and is right when near enough', () => {
    assert.equal(extractAnswer('  A summary.\nIn two lines. ', 'free-text', 'corrected'), 'A summary.\nIn two lines.');
    assert.equal(
      extractAnswer('Thinking.\nSummary : It rained.', 'free-text', 'corrected', undefined, 'Summary :'),
      'It rained.',
    );
    assert.ok(isCorrect('It rained the whole day long.', 'It rained the whole day.', 'free-text', 'corrected'));
    assert.ok(!isCorrect('Sunshine everywhere.', 'It rained the whole day.', 'free-text', 'corrected'));
  });

  it("a template's own marker is understood", () => {
    assert.equal(
      extractAnswer('Schritt 1. 5 + 6.\nErgebnis: 11 (nicht 12)', 'number', 'corrected', undefined, 'Ergebnis:'),
      '11',
    );
    assert.equal(extractAnswer('Résultat : **oui**, 3 fois', 'exact', 'corrected', undefined, 'Résultat :'), 'oui');
  });
});
