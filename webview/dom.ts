/**
 * The panels' whole view layer: `h` describes elements, `render` makes a container look like the description. Elements are matched
 * by key and kept, so focus, scroll and half-typed text survive a new snapshot. Text only ever becomes a text node: there is no way
 * to hand in HTML. Styles are set through CSSOM custom properties, which a strict Content Security Policy allows.
 */

type Attribute = string | number | boolean | null | undefined;
type Handlers = { readonly [E in keyof HTMLElementEventMap]?: (event: HTMLElementEventMap[E]) => void };
type Variables = Readonly<Record<`--${string}`, string | number>>;
type Properties = Readonly<Record<string, unknown>>;
/** Runs once when the element is attached; what it returns runs when the element is removed. */
type Created = (element: HTMLElement) => undefined | (() => void);
type Updated = (element: HTMLElement) => void;

export interface Props {
  /** Identity among its siblings. */
  readonly key?: string;
  readonly on?: Handlers;
  readonly vars?: Variables;
  /** DOM properties (not attributes), set when the described value changes: a person's typing is not overwritten. */
  readonly prop?: Properties;
  readonly created?: Created;
  /** Runs after every render, the first included. */
  readonly updated?: Updated;
  readonly [attribute: string]: Attribute | Handlers | Variables | Properties | Created | Updated;
}

export interface VNode {
  readonly tag: string;
  readonly props: Props;
  readonly children: readonly (VNode | string)[];
}

export type Child = VNode | string | number | false | null | undefined | readonly Child[];

const special = new Set(['key', 'on', 'vars', 'prop', 'created', 'updated']);

export function h(tag: string, props: Props | null, ...children: Child[]): VNode {
  return { tag, props: props ?? {}, children: flatten(children) };
}

function flatten(children: readonly Child[]): (VNode | string)[] {
  const flat: (VNode | string)[] = [];
  for (const child of children) {
    if (child === null || child === undefined || child === false || child === '') continue;
    if (Array.isArray(child)) flat.push(...flatten(child));
    else if (typeof child === 'number') flat.push(String(child));
    else flat.push(child as VNode | string);
  }
  return flat;
}

interface MountedText {
  readonly kind: 'text';
  text: string;
  readonly node: Text;
}
interface MountedElement {
  readonly kind: 'element';
  vnode: VNode;
  readonly node: HTMLElement;
  children: Mounted[];
  cleanup: (() => void) | undefined;
}
type Mounted = MountedText | MountedElement;

const roots = new WeakMap<Element, Mounted[]>();
const handlers = new WeakMap<EventTarget, Handlers>();

/**
 * Makes `container`'s children match `children`; the element that had the focus keeps it even when it moved. When it is gone, what is
 * nearest to where it was has the focus next: at the top of the page again, a person at the keyboard would have lost their place.
 */
export function render(container: HTMLElement, ...children: Child[]): void {
  const focused = document.activeElement;
  const around = ancestors(focused, container);
  const attached: (() => void)[] = [];
  roots.set(container, patchChildren(container, roots.get(container) ?? [], flatten(children), attached));
  for (const run of attached) run();
  if (focused instanceof HTMLElement && focused !== document.activeElement && container.contains(focused))
    focused.focus({ preventScroll: true });
  // Later than a form that closes gives the focus back by itself.
  if (around.length > 0)
    queueMicrotask(() => {
      if (document.activeElement !== document.body) return;
      const near = around.find((element) => container.contains(element))?.querySelector<HTMLElement>(FOCUSABLE);
      (again(focused) ?? near)?.focus({ preventScroll: true });
    });
}

const FOCUSABLE = '[tabindex="0"], button:not([tabindex="-1"]), vscode-button';

/** What stands elsewhere now, by its id. */
const again = (element: Element | null): HTMLElement | null =>
  element === null || element.id === '' ? null : document.getElementById(element.id);

/** From the innermost outwards; none for an element outside. */
function ancestors(element: Element | null, container: Element): Element[] {
  if (element === null || element === container || !container.contains(element)) return [];
  const found: Element[] = [];
  for (let each = element.parentElement; each !== null && each !== container; each = each.parentElement)
    found.push(each);
  return found;
}

function patchChildren(
  parent: Element,
  old: readonly Mounted[],
  next: readonly (VNode | string)[],
  attached: (() => void)[],
): Mounted[] {
  const unused = new Set(old);
  const pairs = next.map((child): [VNode | string, Mounted | undefined] => {
    for (const mounted of unused) {
      if (!matches(mounted, child)) continue;
      unused.delete(mounted);
      return [child, mounted];
    }
    return [child, undefined];
  });
  for (const mounted of unused) unmount(mounted);
  // What stays in the parent and is not ours (a chart's canvas, say) stays behind our own nodes.
  let cursor: ChildNode | null = parent.firstChild;
  return pairs.map(([child, mounted]) => {
    const kept = mounted ? patch(mounted, child, attached) : mount(child, parent, attached);
    if (kept.node === cursor) cursor = cursor.nextSibling;
    else parent.insertBefore(kept.node, cursor);
    return kept;
  });
}

function matches(mounted: Mounted, child: VNode | string): boolean {
  if (mounted.kind === 'text') return typeof child === 'string';
  return typeof child !== 'string' && mounted.vnode.tag === child.tag && mounted.vnode.props.key === child.props.key;
}

function mount(child: VNode | string, parent: Element, attached: (() => void)[]): Mounted {
  if (typeof child === 'string') return { kind: 'text', text: child, node: document.createTextNode(child) };
  const namespace =
    child.tag === 'svg' ? 'http://www.w3.org/2000/svg' : (parent.namespaceURI ?? 'http://www.w3.org/1999/xhtml');
  const node = document.createElementNS(namespace, child.tag) as HTMLElement;
  const mounted: MountedElement = { kind: 'element', vnode: child, node, children: [], cleanup: undefined };
  mounted.children = patchChildren(node, [], child.children, attached);
  patchProps(node, {}, child.props);
  attached.push(() => {
    mounted.cleanup = child.props.created?.(node);
    child.props.updated?.(node);
  });
  return mounted;
}

function patch(mounted: Mounted, child: VNode | string, attached: (() => void)[]): Mounted {
  if (mounted.kind === 'text') {
    const text = child as string;
    if (mounted.text !== text) mounted.node.data = mounted.text = text;
    return mounted;
  }
  const vnode = child as VNode;
  mounted.children = patchChildren(mounted.node, mounted.children, vnode.children, attached);
  patchProps(mounted.node, mounted.vnode.props, vnode.props);
  mounted.vnode = vnode;
  if (vnode.props.updated) attached.push(() => vnode.props.updated?.(mounted.node));
  return mounted;
}

function unmount(mounted: Mounted): void {
  release(mounted);
  mounted.node.remove();
}

function release(mounted: Mounted): void {
  if (mounted.kind === 'text') return;
  mounted.cleanup?.();
  for (const child of mounted.children) release(child);
}

function patchProps(node: HTMLElement, old: Props, next: Props): void {
  for (const name of new Set([...Object.keys(old), ...Object.keys(next)])) {
    if (special.has(name) || old[name] === next[name]) continue;
    const value = attributeText(name, next[name] as Attribute);
    if (value === null) node.removeAttribute(name);
    else node.setAttribute(name, value);
  }
  for (const name of Object.keys({ ...old.vars, ...next.vars }) as `--${string}`[]) {
    const value = next.vars?.[name];
    if (old.vars?.[name] === value) continue;
    if (value === undefined) node.style.removeProperty(name);
    else node.style.setProperty(name, String(value));
  }
  for (const [name, value] of Object.entries(next.prop ?? {})) {
    if (old.prop?.[name] !== value) (node as unknown as Record<string, unknown>)[name] = value;
  }
  if (next.on || old.on) {
    handlers.set(node, next.on ?? {});
    for (const type of Object.keys(next.on ?? {})) {
      if (!old.on || !(type in old.on)) node.addEventListener(type, dispatch);
    }
  }
}

function attributeText(name: string, value: Attribute): string | null {
  if (value === null || value === undefined) return null;
  if (name.startsWith('aria-')) return String(value);
  if (typeof value === 'boolean') return value ? '' : null;
  return String(value);
}

/** One listener per element and type; it looks up the handler of the latest render. */
function dispatch(event: Event): void {
  const current = event.currentTarget;
  if (!current) return;
  const handler = handlers.get(current)?.[event.type as keyof HTMLElementEventMap];
  (handler as ((event: Event) => void) | undefined)?.(event);
}
