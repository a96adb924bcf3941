/**
 * The wire to the extension host: `acquireVsCodeApi` is called here, once, and kept private. Messages are validated in both
 * directions.
 *
 * What the page around a panel must provide: `<html lang>`, the shared `panel.css` and the panel's own stylesheet, and
 * `<meta property="csp-nonce" content="NONCE">` with `style-src 'nonce-NONCE'` (the toolkit probes the browser with one style element).
 */
import * as v from 'valibot';
import { type MisfitReport, misfitText } from '../src/protocol/misfit.ts';

// biome-ignore lint/suspicious/noExplicitAny: valibot's own spelling of "any schema"
type Schema = v.GenericSchema<any, any>;

export interface Host<Intent> {
  send(intent: Intent): void;
  /** What `save` stored before the panel was hidden or the window reloaded; undefined when absent or from another version. */
  load<S extends Schema>(schema: S): v.InferOutput<S> | undefined;
  save(state: unknown): void;
}

export function connectHost<Messages extends Schema, Intents extends Schema>(options: {
  readonly messages: Messages;
  readonly intents: Intents;
  readonly onMessage: (message: v.InferOutput<Messages>) => void;
  /** A message that fits no type: the panel and the extension are of different versions. The extension is told, for its log. */
  readonly onMisfit: (what: string) => void;
}): Host<v.InferOutput<Intents>> {
  const api = acquireVsCodeApi();
  window.addEventListener('message', (event: MessageEvent<unknown>) => {
    const parsed = v.safeParse(options.messages, event.data);
    if (parsed.success) {
      options.onMessage(parsed.output);
      return;
    }
    const what = misfitText(parsed.issues);
    api.postMessage({ type: 'misfit', what } satisfies MisfitReport);
    options.onMisfit(what);
  });
  return {
    send(intent) {
      api.postMessage(v.parse(options.intents, intent));
    },
    load(schema) {
      const parsed = v.safeParse(schema, api.getState());
      return parsed.success ? parsed.output : undefined;
    },
    save(state) {
      api.setState(state);
    },
  };
}
