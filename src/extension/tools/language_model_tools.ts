/** Lets language models of the editor look at runs and rationales, score a rationale, and start a run once a person agrees. */
import * as v from 'valibot';
import * as vscode from 'vscode';
import { LatroError } from '../../engine/common/errors.ts';
import type { CommandServices } from '../commands/services.ts';
import { DisposableStore } from '../common/disposables.ts';
import { askToStartRun, listRuns, type ProposedRuns, readRationales, scoreRationale, startRun } from './run_tools.ts';
import { TOOL_INPUTS, type ToolInput, type ToolName } from './tool_inputs.ts';

type Tools = {
  readonly [N in ToolName]: {
    readonly prepare: (input: ToolInput<N>) => vscode.PreparedToolInvocation | Promise<vscode.PreparedToolInvocation>;
    readonly invoke: (input: ToolInput<N>, signal: AbortSignal) => Promise<unknown>;
  };
};

export function registerTools(services: CommandServices): vscode.Disposable {
  const { l10n } = vscode;
  const proposed: ProposedRuns = new Map();
  const tools: Tools = {
    latro_list_runs: {
      prepare: () => ({ invocationMessage: l10n.t('Listing training runs') }),
      invoke: () => listRuns(services),
    },
    latro_read_rationales: {
      prepare: () => ({ invocationMessage: l10n.t('Reading rationales') }),
      invoke: (input) => readRationales(services, input),
    },
    latro_score_rationale: {
      prepare: () => ({ invocationMessage: l10n.t('Scoring a rationale') }),
      invoke: (input, signal) => scoreRationale(services, input, signal),
    },
    latro_start_run: {
      prepare: (input) => askToStartRun(services, proposed, input),
      invoke: (input) => startRun(services, proposed, input),
    },
  };
  const store = new DisposableStore();
  for (const name of Object.keys(tools) as ToolName[]) store.add(register(name, tools, services));
  return store;
}

function register<N extends ToolName>(name: N, tools: Tools, { reporter }: CommandServices): vscode.Disposable {
  const { prepare, invoke } = tools[name];
  const inputOf = (input: unknown): ToolInput<N> => {
    const parsed = v.safeParse(TOOL_INPUTS[name], input);
    if (parsed.success) return parsed.output as ToolInput<N>;
    const [issue] = parsed.issues;
    const where = v.getDotPath(issue) ?? 'The input';
    throw new LatroError('bad-request', `${where}: ${issue.message}.`, 'Correct the input and try again.');
  };
  const answered = async <T>(work: () => T | Promise<T>): Promise<T> => {
    try {
      return await work();
    } catch (error) {
      const failure = reporter.failureOf(error);
      if (failure === undefined) throw new vscode.CancellationError();
      // For the model to read: what is wrong, and what to do instead. In English, as the descriptions of the tools are.
      throw new Error(`${failure.reason} ${failure.nextStep}`.trim());
    }
  };
  return vscode.lm.registerTool<unknown>(name, {
    prepareInvocation: ({ input }) => answered(() => prepare(inputOf(input))),
    invoke: ({ input }, token) =>
      answered(async () => {
        const stop = new AbortController();
        token.onCancellationRequested(() => stop.abort());
        const answer = await invoke(inputOf(input), stop.signal);
        return new vscode.LanguageModelToolResult([new vscode.LanguageModelTextPart(JSON.stringify(answer, null, 1))]);
      }),
  });
}
