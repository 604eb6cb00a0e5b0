import fc from 'fast-check';
import { expect, test } from 'vitest';
import { nastyRuleset, nastyText } from '../../../test/support/arbitrary/nasty-rulesets.ts';
import { natOfTwoEndpoints } from '../../../test/support/graphs.ts';
import { collapse } from '../collapse.ts';
import { graphOf } from '../graph.ts';
import { printMermaid } from './mermaid.ts';

test('a Service with two endpoints', () => {
  expect(printMermaid(natOfTwoEndpoints())).toMatchInlineSnapshot(`
    "flowchart LR
      subgraph g0["table nat"]
        n0[["PREROUTING"]]
        n1[["OUTPUT"]]
        n2[["POSTROUTING"]]
        n3["KUBE-SERVICES"]
        n4["KUBE-NODEPORTS"]
        n5["KUBE-POSTROUTING"]
        n6["KUBE-MARK-MASQ"]
        n10(["RETURN"])
        n11(["MARK --xor-mark 0x00004000"])
        n12(["MASQUERADE --random-fully"])
        n13(["MARK --or-mark 0x00004000"])
      end
      subgraph g1["shop/web"]
        n7["KUBE-SVC-67NZLRHBNDSAWJRO"]
        n8["KUBE-SEP-34ZZ2QFGO32YYXXO"]
        n9["KUBE-SEP-MCTKD62NLNFFFI4W"]
        n14(["DNAT 10.244.1.5:8080"])
        n15(["DNAT 10.244.1.6:8080"])
      end
      n0 --> n3
      n1 --> n3
      n2 --> n5
      n3 -->|"tcp 10.96.0.10:80"| n7
      n3 -->|"to this node"| n4
      n5 -->|"not marked 0x4000"| n10
      n5 --> n11
      n5 --> n12
      n6 --> n13
      n7 -.->|"tcp 10.96.0.10:80, not from 10.244.0.0/16"| n6
      n7 -->|"1/2"| n8
      n7 -->|"1/2"| n9
      n8 -.->|"from 10.244.1.5"| n6
      n8 -->|"tcp"| n14
      n9 -.->|"from 10.244.1.6"| n6
      n9 -->|"tcp"| n15
    "
  `);
});

test('collapsed', () => {
  expect(printMermaid(collapse(natOfTwoEndpoints()))).toMatchInlineSnapshot(`
    "flowchart LR
      subgraph g0["table nat"]
        n0[["PREROUTING"]]
        n1[["OUTPUT"]]
        n2[["POSTROUTING"]]
        n3["KUBE-SERVICES"]
        n4["KUBE-NODEPORTS"]
        n5["KUBE-POSTROUTING"]
        n6["KUBE-MARK-MASQ"]
        n8(["RETURN"])
        n9(["MARK --xor-mark 0x00004000"])
        n10(["MASQUERADE --random-fully"])
        n11(["MARK --or-mark 0x00004000"])
      end
      subgraph g1["Services"]
        n7("shop/web (2 endpoints)")
      end
      n0 --> n3
      n1 --> n3
      n2 --> n5
      n3 -->|"to this node"| n4
      n5 -->|"not marked 0x4000"| n8
      n5 --> n9
      n5 --> n10
      n6 --> n11
      n3 -->|"tcp 10.96.0.10:80"| n7
    "
  `);
});

const QUOTED = /"((?:[\w ./:,()[\]@=+-]|#\d+;)*)"/.source;
const LINE = new RegExp(
  [
    'flowchart LR',
    `  subgraph g\\d+\\[${QUOTED}\\]`,
    `    n\\d+(?:\\[\\[?|\\(\\[?)${QUOTED}(?:\\]?\\]|\\]?\\))`,
    '  end',
    `  n\\d+ (?:-->|-\\.->)(?:\\|${QUOTED}\\|)? n\\d+`,
  ]
    .map((line) => `^${line}$`)
    .join('|'),
);

/** What Mermaid shows for a label. */
function shown(label: string): string {
  return label.replace(/#(\d+);/g, (_, code: string) => String.fromCodePoint(Number(code)));
}

test('whatever names are, lines are of these forms, and their labels are these', () => {
  fc.assert(
    fc.property(nastyText, (text) => {
      const graph = graphOf(nastyRuleset(text));
      const lines = printMermaid(graph).trimEnd().split('\n');
      const labels = lines.flatMap((line) => {
        const match = LINE.exec(line);
        expect(match, line).not.toBeNull();
        const label = match?.slice(1).find((group) => group !== undefined);
        return label === undefined || line.startsWith('  subgraph') ? [] : [shown(label)];
      });
      const expected = [...graph.nodes, ...graph.edges]
        .map(({ label }) => label)
        .filter((label) => label !== '');
      expect(labels.sort()).toEqual(expected.sort());
    }),
  );
});
