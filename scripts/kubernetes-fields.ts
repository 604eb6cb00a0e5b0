/** Writes the table of the fields that Kubernetes' objects have: `npm run fields`, into src/api/kubernetes-fields.ts. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fieldsTable } from './fields-table.ts';

await writeFile(join(import.meta.dirname, '..', 'src', 'api', 'kubernetes-fields.ts'), await fieldsTable());
