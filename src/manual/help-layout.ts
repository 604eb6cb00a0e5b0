/** How the help of commands is laid out. */
import { Help, type HelpConfiguration } from 'commander';

/** Longer lines are hard to read, however wide a terminal is. */
const WIDEST = 100;
const WITHOUT_TERMINAL = 80;

/** In columns. */
export function helpWidth({
  isTTY,
  columns,
}: {
  readonly isTTY?: boolean;
  readonly columns?: number;
}): number {
  return isTTY && columns ? Math.min(columns, WIDEST) : WITHOUT_TERMINAL;
}

/** The column of names is no wider than this: what a longer one means stands below it. */
const WIDEST_NAME = 26;

export const HELP_LAYOUT: HelpConfiguration = {
  padWidth: (command, helper) => Math.min(WIDEST_NAME, Help.prototype.padWidth.call(helper, command, helper)),
  formatItem: (name, width, description, helper) => {
    const format = (name: string, description: string) =>
      Help.prototype.formatItem.call(helper, name, width, description, helper);
    if (helper.displayWidth(name) <= width) return format(name, description);
    return `${format(name, '')}\n${format('', description)}`;
  },
};
