/** The layouts, by their names. A new one is a file beside these, a row here and a name in `api/layout-names.ts`. */
import type { LayoutName } from '../api/layout-names.ts';
import { fastLayout } from './fast-layout.ts';
import { kubeProxyLayout } from './kube-proxy-layout.ts';
import type { Layout } from './layout.ts';

export const LAYOUTS = {
  'kube-proxy': kubeProxyLayout,
  fast: fastLayout,
} as const satisfies Record<LayoutName, Layout>;
