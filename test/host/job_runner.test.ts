import assert from 'node:assert/strict';
import * as vscode from 'vscode';
import { Cancelled } from '../../src/engine/common/errors.ts';
import type { EngineClient } from '../../src/extension/engine/engine_client.ts';
import type { EngineSupervisor } from '../../src/extension/engine/engine_supervisor.ts';
import { JobRunner } from '../../src/extension/engine/job_runner.ts';

describe('a job under a progress notification', () => {
  const { withProgress } = vscode.window;
  /** The notification's cancel button. */
  let cancelling: vscode.CancellationTokenSource;
  before(() => {
    vscode.window.withProgress = async (_, task) => await task({ report: () => {} }, cancelling.token);
  });
  beforeEach(() => {
    cancelling = new vscode.CancellationTokenSource();
  });
  after(() => {
    vscode.window.withProgress = withProgress;
  });

  it('that is cancelled while the engine starts is never begun', async () => {
    const asked: string[] = [];
    let started: (client: EngineClient) => void = () => assert.fail();
    const engine = {
      client: () =>
        new Promise<EngineClient>((resolve) => {
          started = resolve;
        }),
      jobs: { onChanged: () => ({ dispose: () => {} }), ended: () => new Promise(() => {}) },
    } as unknown as EngineSupervisor;
    const training = new JobRunner(engine).train('Training', async ({ client, jobId }) => {
      asked.push('train');
      return await client.request('resume', { jobId, runDirectory: '' });
    });
    cancelling.cancel();
    started({ request: async (name: string) => asked.push(name) } as unknown as EngineClient);
    await assert.rejects(training, Cancelled);
    assert.deepEqual(asked, []);
  });
});
