/** In a window without anything of ours nobody is told of a model. */
import assert from 'node:assert/strict';
import { Emitter } from '../../src/extension/common/disposables.ts';
import { inUse } from '../../src/extension/in_use.ts';
import { DocumentIndex } from '../../src/extension/inline/document_index.ts';
import { eventually } from '../support/eventually.ts';
import { FakeDocument } from '../support/text_document.ts';

describe('whether a window has anything of ours', () => {
  const [shown, found, read] = [new Emitter<void>(), new Emitter<void>(), new Emitter<void>()];
  const open = new Set<DocumentIndex<FakeDocument>>();
  let runsTree: { visible: boolean; readonly onDidChangeVisibility: typeof shown.event };
  let runs: { runs: string[]; readonly onChanged: typeof found.event };
  let readings: number;
  beforeEach(() => {
    runsTree = { visible: false, onDidChangeVisibility: shown.event };
    runs = { runs: [], onChanged: found.event };
    readings = 0;
  });
  afterEach(() => {
    for (const index of open) index.dispose();
    open.clear();
  });
  const window = () => {
    const all = [...open];
    return inUse({ runsTree, runs, datasets: { all, onChanged: read.event } });
  };
  const openFile = async (name: string, line: string) => {
    const before = readings;
    open.add(new DocumentIndex(new FakeDocument(name, [line]), () => readings++));
    await eventually(() => readings > before);
  };

  it('is not, without dataset, run or list of runs: a file whose rows are of no format is no dataset', async () => {
    assert.equal(window().isInUse(), false);
    await openFile('/w/log.jsonl', '{"level":"info","at":3}');
    assert.equal(window().isInUse(), false);
    await openFile('/w/train.jsonl', '{"question":"1 + 1?","answer":"2"}');
    assert.equal(window().isInUse(), true);
  });

  it('is, with a run, and with the list of runs in front of a person', () => {
    runs.runs.push('a run');
    assert.equal(window().isInUse(), true);
    runs.runs.length = 0;
    assert.equal(window().isInUse(), false);
    runsTree.visible = true;
    assert.equal(window().isInUse(), true);
  });

  it('is told of when any of them changes, until nobody listens', () => {
    let told = 0;
    const listening = window().listen(() => told++);
    for (const emitter of [shown, found, read]) emitter.fire();
    assert.equal(told, 3);
    for (const each of listening) each.dispose();
    for (const emitter of [shown, found, read]) emitter.fire();
    assert.equal(told, 3);
  });
});
