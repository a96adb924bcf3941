import assert from 'node:assert/strict';
import path from 'node:path';
import fc from 'fast-check';
import { folderOfSetting, settingOfFolder } from '../../src/extension/models/model_setting.ts';

const workspace = path.resolve('/home/w');
const builtIn = path.resolve('/extension/media/starter');
const setting = (folder: string) => settingOfFolder(folder, workspace, builtIn);

describe('the chosen model', () => {
  it('is the folder that was chosen, a folder "starter" of the workspace too', () => {
    const name = fc.constantFrom('starter', 'model', '..model', 'a b');
    const inside = fc.array(name, { minLength: 1, maxLength: 3 }).map((names) => path.join(workspace, ...names));
    const outside = fc.array(name, { maxLength: 3 }).map((names) => path.resolve('/home', 'other', ...names));
    fc.assert(
      fc.property(fc.oneof(inside, outside, fc.constant(workspace)), (folder) => {
        assert.equal(folderOfSetting(setting(folder), workspace), folder);
      }),
      { examples: [[path.join(workspace, 'starter')]] },
    );
    assert.equal(setting(path.join(workspace, 'starter')), './starter');
  });

  it('is written so that it can be shared: relative where it lies in the workspace', () => {
    assert.equal(setting(path.join(workspace, 'models', 'small')), 'models/small');
    assert.equal(setting(path.join(workspace, '..model')), '..model');
    assert.equal(setting(path.resolve('/home/model')), path.resolve('/home/model'));
  });

  it('is the one that comes with the extension by its name, and where nothing is said', () => {
    assert.equal(setting(builtIn), 'starter');
    for (const value of ['', ' ', 'starter', ' starter ']) assert.equal(folderOfSetting(value, workspace), null);
  });
});
