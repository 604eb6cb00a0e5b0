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
  change.current = onChange;
  useEffect(() => {
    if (element.current === null) return;
    const made = editorIn(element.current, {
      text,
      label,
      of,
      onChange: (value) => change.current(value),
      ask,
      nonce,
    });
    editor.current = made;
    if (handle) handle.current = made;
    return () => made.destroy();
    // The editor has the text from then on.
  }, []);
  useEffect(() => editor.current?.setText(text), [text]);
  useEffect(() => editor.current?.setFindings(findings), [findings]);
  return <div class="editor" ref={element} />;
}
