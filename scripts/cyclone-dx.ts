/** Bills of materials, as far as they are written here: CycloneDX 1.6. */
import { createHash } from 'node:crypto';

export interface Component {
  readonly type: 'application' | 'container' | 'library' | 'operating-system';
  /** By which `dependencies` name it. */
  readonly 'bom-ref': string;
  readonly group?: string;
  readonly name: string;
  readonly version: string;
  readonly scope?: 'required' | 'optional';
  readonly hashes?: readonly { readonly alg: 'SHA-512'; readonly content: string }[];
  readonly licenses?: readonly License[];
  readonly cpe?: string;
  readonly purl?: string;
  readonly properties?: readonly { readonly name: string; readonly value: string }[];
}

type License = { readonly license: { readonly id: string } } | { readonly expression: string };

export interface BillOfMaterials {
  readonly $schema: 'http://cyclonedx.org/schema/bom-1.6.schema.json';
  readonly bomFormat: 'CycloneDX';
  readonly specVersion: '1.6';
  readonly serialNumber: string;
  readonly version: 1;
  readonly metadata: { readonly timestamp?: string; readonly component: Component };
  readonly components: readonly Component[];
  readonly dependencies: readonly { readonly ref: string; readonly dependsOn: readonly string[] }[];
}

/** What a bill is of, what is in it, and what needs what. */
export interface Contents {
  readonly component: Component;
  readonly components: readonly Component[];
  readonly dependencies: BillOfMaterials['dependencies'];
}

/**
 * The same for the same contents, on whatever machine: the serial number is made of them, and there is a time only
 * where SOURCE_DATE_EPOCH tells one (seconds).
 */
export function billOf({ component, components, dependencies }: Contents): BillOfMaterials {
  const epoch = process.env.SOURCE_DATE_EPOCH;
  const metadata = {
    ...(epoch && { timestamp: new Date(Number(epoch) * 1000).toISOString() }),
    component,
  };
  return {
    $schema: 'http://cyclonedx.org/schema/bom-1.6.schema.json',
    bomFormat: 'CycloneDX',
    specVersion: '1.6',
    serialNumber: `urn:uuid:${uuidOf(JSON.stringify([metadata, components, dependencies]))}`,
    version: 1,
    metadata,
    components,
    dependencies,
  };
}

/** A UUID of version 8 (RFC 9562): all but version and variant are the text's. */
function uuidOf(text: string): string {
  const bytes = createHash('sha256').update(text).digest().subarray(0, 16);
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x80;
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  return bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}

/** As `licenses` of a component: an SPDX identifier, or an expression of several. */
export function licenses(spdx: string): readonly License[] {
  return [spdx.includes(' ') ? { expression: spdx } : { license: { id: spdx } }];
}

/** As it is written to a file. */
export function printBill(bill: BillOfMaterials): string {
  return `${JSON.stringify(bill, null, 2)}\n`;
}
