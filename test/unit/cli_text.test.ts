import assert from 'node:assert/strict';
import fc from 'fast-check';
import { Arguments } from '../../src/cli/arguments.ts';
import { evalCommand } from '../../src/cli/eval.ts';
import { commandHelp } from '../../src/cli/help.ts';
import { duration, fixed, percent, points, pValue, signed } from '../../src/cli/number_format.ts';
import { packageRoot } from '../../src/cli/package_root.ts';
import { scoreCommand } from '../../src/cli/score.ts';
import { excerpt, harmless, Terminal } from '../../src/cli/terminal.ts';
import { textTable } from '../../src/cli/text_table.ts';
import { TextStream } from '../support/command_line.ts';
import { ManualClock } from '../support/manual_clock.ts';

describe('numbers as people read them', () => {
  it('carry sign and unit', () => {
    assert.equal(percent(0.0417), '4.2 %');
    assert.equal(points(0.0583), '+5.8 points');
    assert.equal(points(-0.0583), '−5.8 points');
    assert.equal(points(0), '±0.0 points');
    assert.equal(signed(-0.0001, 2), '±0.00');
    assert.equal(fixed(-1.0732, 2), '−1.07');
    assert.equal(fixed(-0.001, 2), '0.00', 'no minus in front of nothing');
  });

  it('say of a tiny p-value only what it is below', () => {
    assert.equal(pValue(0.0390625), 'p = 0.039');
    assert.equal(pValue(0.5), 'p = 0.50');
    assert.equal(pValue(1e-9), 'p < 0.001');
  });

  it('give durations in the two largest units', () => {
    assert.equal(duration(0.24), '0.2 s');
    assert.equal(duration(59.6), '1 min 00 s');
    assert.equal(duration(95), '1 min 35 s');
    assert.equal(duration(7260), '2 h 01 min');
  });
});

describe('a text table', () => {
  it('puts every column at one place, colours or not', () => {
    const red = '\u001b[31mlong word\u001b[39m';
    const lines = textTable([
      ['a', '1.0'],
      [red, '10.0'],
    ]);
    // biome-ignore lint/suspicious/noControlCharactersInRegex: colours begin with it
    const bare = lines.map((line) => line.replaceAll(/\u001b\[\d+m/g, ''));
    assert.deepEqual(bare, ['a            1.0', 'long word   10.0']);
  });
});

describe('text of datasets and models on a terminal', () => {
  it('keeps no character that a terminal would obey', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what it is about
        assert.doesNotMatch(harmless(text), /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/);
      }),
    );
    assert.equal(harmless('\u001b]0;title\u0007a\nb'), '\ufffd]0;title\ufffda\nb');
  });

  it('is cut to one line', () => {
    assert.equal(excerpt('a\n b\t c', 20), 'a b c');
    assert.equal(excerpt('abcdefgh', 5), 'abcd…');
  });
});

describe('the terminal', () => {
  const make = (isTTY: boolean, env: Record<string, string> = {}) => {
    const [stdout, stderr] = [new TextStream(isTTY), new TextStream(isTTY)];
    return { stdout, stderr, terminal: new Terminal({ stdout, stderr, env, clock: new ManualClock() }) };
  };

  it('colours on a terminal only, and not when NO_COLOR is set', () => {
    assert.equal(make(true).terminal.style('red', 'x'), '\u001b[31mx\u001b[39m');
    assert.equal(make(false).terminal.style('red', 'x'), 'x');
    assert.equal(make(true, { NO_COLOR: '1' }).terminal.style('red', 'x'), 'x');
    assert.match(make(true, { NO_COLOR: '' }).terminal.style('red', 'x'), /31m/, 'empty is as good as not set');
    assert.equal(make(true, { TERM: 'dumb' }).terminal.style('red', 'x'), 'x');
  });

  it('writes results above the line that is rewritten', () => {
    const { terminal, stdout, stderr } = make(true);
    terminal.status('half');
    terminal.out('result');
    assert.equal(stdout.text, 'result\n');
    assert.equal(stderr.text, '\rhalf\u001b[K\r\u001b[K\rhalf\u001b[K');
  });

  it('rewrites nothing where lines cannot be rewritten, and notes nothing when quiet', () => {
    const { terminal, stderr } = make(false);
    terminal.status('half');
    terminal.note('a note');
    terminal.quiet = true;
    terminal.note('another');
    terminal.error('an error');
    assert.equal(stderr.text, 'a note\nan error\n');
  });
});

describe('the words after a command', () => {
  const parse = (...argv: string[]) => Arguments.parse(evalCommand, argv);

  it('may begin with a minus sign where they are values', () => {
    assert.equal(parse('--rows', '-120:').text('rows'), '-120:');
    assert.equal(parse('--rows=-120:').text('rows'), '-120:');
    assert.throws(() => parse('--rows', '--json'), /--rows lacks its value/);
  });

  it('are read as the numbers they are meant to be', () => {
    assert.equal(parse('--k', '8').whole('k', { least: 0 }), 8);
    assert.equal(parse().whole('k', { least: 0 }), undefined);
    assert.equal(parse('--temperature', '1e-7').real('temperature', { least: 0 }), 1e-7);
    for (const wrong of ['1.5', '', ' ', 'Infinity', 'NaN', '1e99', '-1']) {
      assert.throws(() => parse(`--k=${wrong}`).whole('k', { least: 0 }), /--k is ".*"\. Give a whole number/, wrong);
    }
  });

  it('are the last ones given, and names of JavaScript are no options', () => {
    assert.equal(parse('--k', '1', '--k', '2').text('k'), '2');
    for (const name of ['--constructor', '--__proto__', '--toString', '-k'])
      assert.throws(() => parse(name, 'x'), /has no option/, name);
  });
});

describe('help', () => {
  it('shows every option and fits a terminal', () => {
    const help = commandHelp(scoreCommand);
    for (const option of [...Object.keys(scoreCommand.options), 'help', 'quiet'])
      assert.ok(help.includes(`--${option}`), option);
    for (const line of help.split('\n')) assert.ok(line.length <= 100, line);
  });
});

describe('the package root', () => {
  it('is the folder of package.json, from its sources and from dist', () => {
    const root = packageRoot();
    assert.equal(packageRoot(`${root}/dist`), root);
    assert.equal(packageRoot(`${root}/src/cli`), root);
  });
});
