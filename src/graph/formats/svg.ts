/** Graphs as pictures. */
import { Graphviz } from '@hpcc-js/wasm-graphviz';

/** Draws a graph in the DOT language. Graphviz runs within this process (as WebAssembly); nothing is fetched. */
export async function drawSvg(dot: string): Promise<string> {
  const graphviz = await Graphviz.load();
  return graphviz.dot(dot, 'svg');
}
