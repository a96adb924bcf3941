/**
 * One tooltip for the whole panel. It shows on hover and on keyboard focus, stays while the pointer is on it, goes with Escape, and is
 * the `aria-describedby` of whatever it explains (WCAG 1.4.13).
 */
import { type Child, h, type Props, render } from './dom.ts';
import type { Tip } from './tip.ts';

const HOVER_DELAY_MS = 350;
const LEAVE_DELAY_MS = 120;
const tips = new WeakMap<Element, () => Tip>();

/** Props that make an element explain itself. */
export function explained(tip: () => Tip): Pick<Props, 'updated'> & { readonly 'data-tip': true } {
  return { 'data-tip': true, updated: (element) => tips.set(element, tip) };
}

export function installTooltip(): void {
  const bubble = document.createElement('div');
  bubble.id = 'tooltip';
  bubble.setAttribute('role', 'tooltip');
  bubble.hidden = true;
  document.body.append(bubble);
  let owner: Element | undefined;
  let timer: ReturnType<typeof setTimeout> | undefined;

  const hide = (): void => {
    clearTimeout(timer);
    owner?.removeAttribute('aria-describedby');
    owner = undefined;
    bubble.hidden = true;
  };
  const show = (element: Element): void => {
    const tip = tips.get(element)?.();
    hide();
    if (!tip || !element.isConnected) return;
    owner = element;
    render(bubble, content(tip));
    bubble.hidden = false;
    element.setAttribute('aria-describedby', bubble.id);
    place(bubble, element.getBoundingClientRect());
  };
  const after = (delay: number, action: () => void): void => {
    clearTimeout(timer);
    timer = setTimeout(action, delay);
  };
  const explainedAt = (target: EventTarget | null): Element | null =>
    target instanceof Element ? target.closest('[data-tip]') : null;

  document.addEventListener('pointerover', (event) => {
    const element = explainedAt(event.target);
    if (element === owner && owner) clearTimeout(timer);
    else if (element) after(bubble.hidden ? HOVER_DELAY_MS : LEAVE_DELAY_MS, () => show(element));
    else if (event.target instanceof Node && bubble.contains(event.target)) clearTimeout(timer);
    else after(LEAVE_DELAY_MS, hide);
  });
  document.addEventListener('focusin', (event) => {
    const element = explainedAt(event.target);
    if (element?.matches(':focus-visible')) show(element);
    else if (!element) hide();
  });
  document.addEventListener('focusout', hide);
  document.addEventListener('click', (event) => {
    const element = explainedAt(event.target);
    if (element) show(element);
  });
  const follow = (): void => {
    const at = owner?.getBoundingClientRect();
    // What the keyboard reaches scrolls into view after it has the focus: that must not take away what it says.
    if (owner && at && owner === document.activeElement && at.bottom > 0 && at.top < window.innerHeight)
      place(bubble, at);
    else hide();
  };
  document.addEventListener('scroll', follow, { capture: true, passive: true });
  document.addEventListener(
    'keydown',
    (event) => {
      if (event.key !== 'Escape' || bubble.hidden) return;
      hide();
      event.stopPropagation();
    },
    { capture: true },
  );
}

function content(tip: Tip): Child {
  return [
    h('div', { class: 'tip-title' }, tip.title),
    tip.formula ? h('div', { class: 'tip-formula' }, subscripts(tip.formula)) : null,
    tip.numbers ? h('div', { class: 'tip-formula' }, subscripts(tip.numbers)) : null,
    tip.text ? h('div', { class: 'tip-text' }, tip.text) : null,
  ];
}

export function subscripts(formula: string): Child[] {
  return formula.split(/(_\{[^}]*\}|_[\p{L}\p{N}₀])/u).map((part) => {
    if (!part.startsWith('_') || part.length < 2) return part;
    return h('sub', null, part.startsWith('_{') ? part.slice(2, -1) : part.slice(1));
  });
}

function place(bubble: HTMLElement, target: DOMRect): void {
  const margin = 6;
  const { width, height } = bubble.getBoundingClientRect();
  const left = Math.max(margin, Math.min(target.left, window.innerWidth - width - margin));
  const below = target.bottom + margin;
  const above = target.top - height - margin;
  const top = below + height <= window.innerHeight || above < 0 ? below : above;
  bubble.style.setProperty('--left', `${left}px`);
  bubble.style.setProperty('--top', `${top}px`);
}
