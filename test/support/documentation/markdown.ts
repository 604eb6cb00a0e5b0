/** The code blocks of a page in Markdown, as CommonMark 0.31.2 finds them between fences. */

export interface CodeBlock {
  /** Of its first line within the fences, counted from 1. */
  readonly line: number;
  /** The first word after the fence; empty where there is none. */
  readonly language: string;
  /** The rest of the words after the fence. */
  readonly title: string;
  /** Without the indentation of the fence, as within an item of a list. */
  readonly lines: readonly string[];
}

interface Fence {
  readonly indent: number;
  readonly mark: string;
  readonly info: string;
}

/** Throws an Error where a block is never closed. */
export function codeBlocks(page: string): CodeBlock[] {
  const blocks: CodeBlock[] = [];
  const lines = page.split('\n');
  for (let i = 0; i < lines.length; i++) {
    const fence = openingFence(lines[i] ?? '');
    if (!fence) continue;
    const first = i + 1;
    const length = lines.slice(first).findIndex((line) => closes(line, fence));
    if (length < 0) throw new Error(`line ${first}: the code block is never closed`);
    const [language = '', ...title] = fence.info.split(/\s+/);
    blocks.push({
      line: first + 1,
      language,
      title: title.join(' '),
      lines: lines.slice(first, first + length).map((line) => withoutIndent(line, fence.indent)),
    });
    i = first + length;
  }
  return blocks;
}

/** A page without its code blocks, and without their fences. */
export function withoutCodeBlocks(page: string): string {
  const blocks = codeBlocks(page);
  const isText = (line: number) =>
    !blocks.some((block) => line >= block.line - 1 && line <= block.line + block.lines.length);
  return page
    .split('\n')
    .filter((_, i) => isText(i + 1))
    .join('\n');
}

function openingFence(line: string): Fence | undefined {
  const {
    indent = '',
    mark = '',
    info = '',
  } = /^(?<indent> *)(?<mark>`{3,}|~{3,})(?<info>.*)$/.exec(line)?.groups ?? {};
  // What is code within a line begins so, too.
  if (mark === '' || (mark.startsWith('`') && info.includes('`'))) return undefined;
  return { indent: indent.length, mark, info: info.trim() };
}

function closes(line: string, { mark }: Fence): boolean {
  const text = line.trim();
  return text.length >= mark.length && text === mark.charAt(0).repeat(text.length);
}

function withoutIndent(line: string, indent: number): string {
  const blanks = line.length - line.trimStart().length;
  return line.slice(Math.min(indent, blanks));
}
