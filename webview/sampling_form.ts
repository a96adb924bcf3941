/** "Sample again": K, temperature and seed, checked as they are typed, and under which strategy. */
import { drawOf } from '../src/protocol/rationale_draw.ts';
import type { RationaleQuestion, StrategyChoice } from '../src/protocol/rationale_messages.ts';
import { type Child, h, type VNode } from './dom.ts';
import { formProps } from './form_focus.ts';
import { icon } from './icons.ts';
import type { RationaleContext } from './rationale_state.ts';
import { readDraft, type SamplingDraft, samplingFields } from './sampling_draft.ts';
import { strategyName } from './strategy_style.ts';
import { t } from './strings.ts';
import { button, dropdown, textField } from './toolkit.ts';

export function samplingButton({ snapshot, state, change }: RationaleContext): VNode {
  const open = state.samplingDraft !== null;
  return button(
    {
      key: 'sample',
      look: open ? 'secondary' : 'primary',
      disabled: !snapshot.canSample || snapshot.activity !== null,
      // Before the first sample it stands elsewhere than after it.
      props: { id: 'sample', 'aria-expanded': open },
      onPress: () => change({ samplingDraft: open ? null : proposedDraft(snapshot) }),
    },
    icon('again'),
    t(snapshot.current ? 'rationale.sampleAgain' : 'rationale.sampleFirst'),
  );
}

/**
 * As the settings have it, the first time. After a sample that was asked for: drawn as that one, with the next random numbers, for the same ones
 * give the same rationales again.
 */
function proposedDraft({ sampling, current, discardable }: RationaleQuestion): SamplingDraft {
  const drawn = current !== null && discardable ? drawOf(current) : null;
  const { k, temperature, seed } =
    drawn === null || drawn.temperature === null || drawn.seed === null || drawn.k < 2
      ? { ...sampling, seed: current === null ? sampling.seed : sampling.seed + 1 }
      : { k: drawn.k, temperature: drawn.temperature, seed: drawn.seed + 1 };
  const strategy = sampling.strategy === undefined ? undefined : (drawn?.strategy ?? sampling.strategy);
  return {
    k: String(k),
    temperature: String(temperature),
    seed: String(seed),
    ...(strategy === undefined ? {} : { strategy }),
  };
}

export function samplingForm(context: RationaleContext, draft: SamplingDraft): Child {
  const { snapshot, change, send } = context;
  const read = readDraft(draft);
  const wrong = 'wrong' in read ? read.wrong : null;
  const checkpoint = snapshot.current?.checkpoint ?? snapshot.checkpoints.at(-1)?.name ?? 'base';
  const sample = (): void => {
    if ('wrong' in read || snapshot.activity !== null) return;
    send({ type: 'sample', rowKey: snapshot.rowKey, checkpoint, settings: read.settings });
    change({ samplingDraft: null });
  };
  return h(
    'form',
    {
      key: 'sampling',
      class: 'form sampling-form',
      'aria-label': t('rationale.sampleAgain'),
      ...formProps(() => change({ samplingDraft: null })),
    },
    strategyPicker(context, draft),
    h(
      'div',
      { class: 'fields' },
      samplingFields.map((field) =>
        textField({
          label: t(`rationale.field.${field}`),
          value: draft[field],
          invalid: wrong === field,
          ...(wrong === field ? { describedBy: 'sampling-wrong' } : {}),
          onInput: (value) => change({ samplingDraft: { ...draft, [field]: value, changed: true } }),
          onEnter: sample,
        }),
      ),
      button(
        { look: 'primary', disabled: wrong !== null || snapshot.activity !== null, onPress: sample },
        t('rationale.sampleNow'),
      ),
    ),
    h(
      'p',
      { id: 'sampling-wrong', class: 'field-error', role: 'alert' },
      wrong ? [icon('warning', 'warn'), t(`rationale.field.${wrong}.wrong`)] : null,
    ),
  );
}

/** All strategies, one of them, or none; not there for a run without any. */
function strategyPicker({ snapshot, change }: RationaleContext, draft: SamplingDraft): Child {
  const numbers = Object.keys(snapshot.strategyNames).map(Number);
  if (draft.strategy === undefined || numbers.length === 0) return null;
  const fixedChoices = (['all', 'none'] as const).map((value) => ({
    value,
    text: t(`rationale.field.strategy.${value}`),
  }));
  const each = numbers.map((strategy) => ({
    value: String(strategy),
    text: strategyName(snapshot.strategyNames, strategy),
  }));
  return h(
    'div',
    { class: 'strategy-field' },
    h('span', { 'aria-hidden': true }, t('rationale.field.strategy')),
    dropdown({
      label: t('rationale.field.strategy'),
      value: String(draft.strategy),
      choices: [fixedChoices[0]!, ...each, fixedChoices[1]!],
      onChoose: (value) => change({ samplingDraft: { ...draft, strategy: choiceOf(value), changed: true } }),
    }),
  );
}

const choiceOf = (value: string): StrategyChoice => (value === 'all' || value === 'none' ? value : Number(value));
