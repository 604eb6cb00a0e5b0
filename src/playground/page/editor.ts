/** The editors: YAML with colours, findings, and completion. */
import {
  autocompletion,
  type Completion,
  type CompletionContext,
  type CompletionResult,
  closeBrackets,
  closeBracketsKeymap,
  completionKeymap,
} from '@codemirror/autocomplete';
import { defaultKeymap, history, historyKeymap } from '@codemirror/commands';
import { yaml } from '@codemirror/lang-yaml';
import {
  bracketMatching,
  foldGutter,
  HighlightStyle,
  indentOnInput,
  indentUnit,
  syntaxHighlighting,
} from '@codemirror/language';
import { type Diagnostic, lintKeymap, nextDiagnostic, setDiagnostics } from '@codemirror/lint';
import { EditorState, type Text } from '@codemirror/state';
import {
  drawSelection,
  EditorView,
  highlightActiveLine,
  highlightActiveLineGutter,
  keymap,
  lineNumbers,
} from '@codemirror/view';
import { tags } from '@lezer/highlight';
import type { PlacedFinding } from '../answers.ts';
import type { Ask } from './ask.ts';

export interface Editor {
  /** Replaces the text, unless it is the same. */
  setText(text: string): void;
  setFindings(findings: readonly PlacedFinding[]): void;
  /** Goes to a line, from 1, and lets somebody type there. */
  goTo(line: number, column: number): void;
  destroy(): void;
}

export interface EditorOptions {
  readonly text: string;
  /** What the text is, for those who do not see it. */
  readonly label: string;
  readonly of: 'manifests' | 'configuration';
  readonly onChange: (text: string) => void;
  readonly ask: Ask;
  /** That the page's policy knows: CodeMirror writes style sheets. */
  readonly nonce: string;
}

/** Puts an editor into an element. */
export function editorIn(parent: Element, options: EditorOptions): Editor {
  const { text, label, of, onChange, ask, nonce } = options;
  let quiet = false;
  const view = new EditorView({
    parent,
    state: EditorState.create({
      doc: text,
      extensions: [
        EditorView.cspNonce.of(nonce),
        lineNumbers(),
        foldGutter(),
        history(),
        drawSelection(),
        indentOnInput(),
        indentUnit.of('  '),
        bracketMatching(),
        closeBrackets(),
        highlightActiveLine(),
        highlightActiveLineGutter(),
        yaml(),
        syntaxHighlighting(COLOURS),
        autocompletion({ override: [(context) => complete(context, of, ask)], icons: false }),
        keymap.of([
          ...closeBracketsKeymap,
          ...defaultKeymap,
          ...historyKeymap,
          ...completionKeymap,
          ...lintKeymap,
          { key: 'F8', run: nextDiagnostic },
        ]),
        EditorView.contentAttributes.of({ 'aria-label': label, tabindex: '0' }),
        EditorView.updateListener.of((update) => {
          if (update.docChanged && !quiet) onChange(update.state.doc.toString());
        }),
        THEME,
      ],
    }),
  });
  return {
    setText(next) {
      if (next === view.state.doc.toString()) return;
      quiet = true;
      view.dispatch({ changes: { from: 0, to: view.state.doc.length, insert: next } });
      quiet = false;
    },
    setFindings(findings) {
      const own = findings.filter((finding) => finding.of === of);
      view.dispatch(
        setDiagnostics(
          view.state,
          own.map((finding) => diagnosticOf(finding, view.state.doc)),
        ),
      );
    },
    goTo(line, column) {
      const { from, to } = lineOf(view.state.doc, line);
      const anchor = Math.min(from + column - 1, to);
      view.dispatch({ selection: { anchor }, effects: EditorView.scrollIntoView(anchor, { y: 'center' }) });
      view.focus();
    },
    destroy: () => view.destroy(),
  };
}

async function complete(
  context: CompletionContext,
  of: EditorOptions['of'],
  ask: Ask,
): Promise<CompletionResult | null> {
  const word = context.matchBefore(/[\w./-]+/);
  if (word === null && !context.explicit && context.matchBefore(/^[ -]+|:\s|[{,]\s*/) === null) return null;
  const answered = await ask('complete', { text: context.state.doc.toString(), offset: context.pos, of });
  if (!answered?.ok || context.aborted) return null;
  const { from, options } = answered.answer;
  // Whoever opens a line wants to see what there is; whoever has typed a whole word does not.
  const typed = context.state.sliceDoc(from, context.pos);
  if (options.length === 0 || options.some(({ label }) => label === typed)) return null;
  return { from, validFor: /^[\w./-]*$/, options: options.map(completionOf) };
}

function completionOf({
  label,
  apply,
  type,
  words,
}: {
  readonly label: string;
  readonly apply: string;
  readonly type: 'field' | 'value';
  readonly words: string | undefined;
}): Completion {
  return {
    label,
    apply,
    type: type === 'field' ? 'property' : 'enum',
    // What decides rules comes first.
    boost: words === undefined ? 0 : 1,
    ...(words === undefined ? {} : { info: words }),
  };
}

function lineOf(doc: Text, line: number) {
  return doc.line(Math.min(Math.max(line, 1), doc.lines));
}

function diagnosticOf(
  { severity, subject, cause, remedy, line, column }: PlacedFinding,
  doc: Text,
): Diagnostic {
  const { from, to, text } = lineOf(doc, line ?? 1);
  const start = Math.min(from + (column ?? 1) - 1, to);
  // A field's name and what it holds, without a comment or another field behind.
  const length = (/^[^#,}\]]*[^#,}\]\s]/.exec(text.slice(start - from))?.[0] ?? '').length;
  const message = `${subject === '' ? '' : `${subject}: `}${cause} ${remedy}`;
  return { from: start, to: Math.max(start + length, Math.min(start + 1, to)), severity, message };
}

const COLOURS = HighlightStyle.define([
  { tag: [tags.propertyName, tags.definition(tags.propertyName)], color: 'var(--key)' },
  { tag: [tags.string, tags.content], color: 'var(--ink)' },
  { tag: [tags.comment, tags.lineComment], color: 'var(--soft)', fontStyle: 'italic' },
  {
    tag: [tags.separator, tags.punctuation, tags.bracket, tags.squareBracket, tags.brace],
    color: 'var(--soft)',
  },
  { tag: [tags.meta, tags.keyword], color: 'var(--accent)' },
]);

const THEME = EditorView.theme({
  '&': { height: '100%', backgroundColor: 'var(--surface)', color: 'var(--ink)', fontSize: '13px' },
  '.cm-scroller': { fontFamily: 'var(--mono)', lineHeight: '1.55' },
  '.cm-content': { caretColor: 'var(--accent)', padding: '.6rem 0' },
  '.cm-cursor, .cm-dropCursor': { borderLeftColor: 'var(--accent)', borderLeftWidth: '2px' },
  '.cm-gutters': { backgroundColor: 'var(--surface)', color: 'var(--soft)', border: 'none' },
  '.cm-activeLine': { backgroundColor: 'var(--active)' },
  '.cm-activeLineGutter': { backgroundColor: 'var(--active)', color: 'var(--ink)' },
  '&.cm-focused': { outline: 'none' },
  '&.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground, .cm-selectionBackground': {
    backgroundColor: 'var(--selection)',
  },
  '.cm-foldPlaceholder': {
    backgroundColor: 'var(--active)',
    borderColor: 'var(--line)',
    color: 'var(--soft)',
  },
  // An image of CodeMirror's own would need a policy that lets images in.
  '.cm-lintRange': { backgroundImage: 'none', textDecoration: 'underline wavy', textUnderlineOffset: '3px' },
  '.cm-lintRange-error': { textDecorationColor: 'var(--bad)' },
  '.cm-lintRange-warning': { textDecorationColor: 'var(--warn)' },
  '.cm-lintRange-info': { textDecorationColor: 'var(--accent)' },
  '.cm-tooltip': {
    backgroundColor: 'var(--raised)',
    color: 'var(--ink)',
    border: '1px solid var(--line)',
    borderRadius: '8px',
    boxShadow: 'var(--shadow)',
    maxWidth: 'min(28rem, 90vw)',
  },
  '.cm-tooltip-autocomplete > ul': { fontFamily: 'var(--mono)', maxHeight: '16em' },
  '.cm-tooltip.cm-tooltip-autocomplete > ul > li': { padding: '.15rem .6rem' },
  '.cm-tooltip.cm-tooltip-autocomplete > ul > li[aria-selected]': {
    backgroundColor: 'var(--accent)',
    color: 'var(--on-accent)',
  },
  '.cm-completionInfo': { padding: '.4rem .6rem', maxWidth: '18rem', fontFamily: 'var(--sans)' },
  '.cm-diagnostic': {
    padding: '.4rem .7rem',
    borderLeft: '3px solid var(--line)',
    fontFamily: 'var(--sans)',
  },
  '.cm-diagnostic-error': { borderLeftColor: 'var(--bad)' },
  '.cm-diagnostic-warning': { borderLeftColor: 'var(--warn)' },
  '.cm-diagnostic-info': { borderLeftColor: 'var(--accent)' },
});
