import { expect, test } from 'vitest';
import { readEntries } from './entries.ts';
import { HostError } from './host.ts';

test.each(['nft', 'legacy'] as const)(
  'what cannot be read is not taken for gone: iptables-%s',
  async (backend) => {
    const program = 'svc2ipt-no-such-program';
    const programs = { family: 'ipv4', backend, iptables: program, save: program, restore: program } as const;
    await expect(readEntries(programs)).rejects.toThrow(HostError);
  },
);
