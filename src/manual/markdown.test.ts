import { readdirSync, readFileSync } from 'node:fs';
import { Command, Option } from 'commander';
import { expect, test } from 'vitest';
import { program } from '../cli/program.ts';
import { commandPages } from './markdown.ts';
import { addNotes } from './notes.ts';
import { commandTree, flatten } from './tree.ts';

const FOLDER = new URL('../../docs/commands/', import.meta.url);
const TREE = commandTree(await program());
const PAGES = commandPages(TREE);

test('there is a page for each command', () => {
  expect(readdirSync(FOLDER).toSorted(), 'run npm run docs').toEqual(PAGES.map(({ file }) => file).sort());
});

test.each(PAGES)('$file is what the program tells now', ({ file, text }) => {
  expect(readFileSync(new URL(file, FOLDER), 'utf8'), 'run npm run docs').toBe(text);
});

test('every option of every command is on a page', () => {
  const all = PAGES.map(({ text }) => text).join('\n');
  const options = flatten(TREE).flatMap(({ options }) => options.flatMap(({ names }) => names));
  expect(options.filter((name) => !all.includes(`\`${name}`))).toEqual([]);
});

test('a page has all that the help of a command tells', () => {
  const root = new Command('tool').description('A tool.').helpOption('-h, --help', 'print help');
  const saw = root.command('saw').description('cut a board').argument('<board>', 'what to cut');
  saw.addOption(new Option('-t, --teeth <kind>', 'which teeth').choices(['fine', 'a|b']).default('fine'));
  saw.option('--depth <n>', 'how deep, in <mm> (default: all through)');
  saw.optionsGroup('Safety:').option('--gloves [bool]', 'wear some; see --depth (default: true)');
  saw.helpOption('-h, --help', 'print help');
  addNotes(saw, {
    text: 'It is loud, with --teeth or not.',
    examples: [{ line: 'tool saw oak', about: 'oak' }],
  });
  addNotes(saw.command('wet').description('wet the blade'), {
    examples: [{ line: 'tool saw wet', about: 'against heat' }],
  });
  root.command('help');

  const [list, page] = commandPages(commandTree(root));
  expect(list?.text).toContain('| [`tool saw`](saw.md) | cut a board |');
  expect(page?.text).toMatchInlineSnapshot(`
    "<!-- Written by \`npm run docs\` from the help of the commands. -->

    # tool saw

    Cut a board.

    \`\`\`text
    tool saw [options] [command] <board>
    \`\`\`

    It is loud, with \`--teeth\` or not.

    ## Commands

    | command | what it does |
    | --- | --- |
    | [\`tool saw wet\`](saw.md#tool-saw-wet) | wet the blade |

    ## Arguments

    | argument | meaning |
    | --- | --- |
    | \`<board>\` | what to cut |

    ## Options

    | option | meaning | default |
    | --- | --- | --- |
    | \`-t\`, \`--teeth <kind>\` | which teeth; \`fine\` or \`a\\|b\` | \`fine\` |
    | \`--depth <n>\` | how deep, in \\<mm> | all through |

    ### Safety

    | option | meaning | default |
    | --- | --- | --- |
    | \`--gloves [bool]\` | wear some; see \`--depth\` | \`true\` |
    | \`-h\`, \`--help\` | print help |  |

    ## Examples

    Oak:

    \`\`\`sh
    tool saw oak
    \`\`\`

    ## tool saw wet

    Wet the blade.

    \`\`\`text
    tool saw wet [options]
    \`\`\`

    ### Options

    #### Safety

    | option | meaning |
    | --- | --- |
    | \`-h\`, \`--help\` | print help |

    ### Examples

    Against heat:

    \`\`\`sh
    tool saw wet
    \`\`\`

    ## See also

    [all commands](README.md)
    "
  `);
});
