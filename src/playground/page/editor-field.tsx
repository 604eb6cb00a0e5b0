/** An editor as a part of the page. */
import type { RefObject } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import type { PlacedFinding } from '../answers.ts';
import type { Ask } from './ask.ts';
import { type Editor, editorIn } from './editor.ts';

export type EditorHandle = Pick<Editor, 'goTo'>;

export interface EditorFieldProps {
  readonly text: string;
  readonly label: string;
  readonly of: 'manifests' | 'configuration';
  readonly findings: readonly PlacedFinding[];
  readonly onChange: (text: string) => void;
  readonly ask: Ask;
  readonly nonce: string;
  readonly handle?: RefObject<EditorHandle | null>;
}

export function EditorField({ text, label, of, findings, onChange, ask, nonce, handle }: EditorFieldProps) {
  const element = useRef<HTMLDivElement>(null);
  const editor = useRef<Editor>(null);
  const change = useRef(onChange);
  /** What was typed here, and has not come back yet: it is no news, and older than what is in the editor. */
  const told = useRef<string[]>([]);
  change.current = onChange;
  useEffect(() => {
    if (element.current === null) return;
    const made = editorIn(element.current, {
      text,
      label,
      of,
      onChange: (value) => {
        told.current.push(value);
        change.current(value);
      },
      ask,
      nonce,
    });
    editor.current = made;
    if (handle) handle.current = made;
    return () => made.destroy();
    // The editor has the text from then on.
  }, []);
  useEffect(() => {
    const own = told.current.indexOf(text);
    told.current = own === -1 ? [] : told.current.slice(own + 1);
    if (own === -1) editor.current?.setText(text);
  }, [text]);
  useEffect(() => editor.current?.setFindings(findings), [findings]);
  return <div class="editor" ref={element} />;
}
