/** Secrets as helm writes them: in Kubernetes' protobuf, which its client prefers to JSON. */

/** In front of an object, which is wrapped in a message that has it as its second field. */
const MAGIC = 'k8s\0';

/** The object of a request's body, which is JSON, or protobuf of a Secret. Throws an Error for anything else. */
export function objectOfBody(body: Buffer, contentType: string): unknown {
  if (!contentType.startsWith('application/vnd.kubernetes.protobuf')) return JSON.parse(body.toString());
  if (body.toString('latin1', 0, MAGIC.length) !== MAGIC) throw new Error('no protobuf of Kubernetes');
  const wrapped = body.subarray(MAGIC.length);
  const typeMeta = bytesAt(wrapped, 1);
  const raw = bytesAt(wrapped, 2);
  const kind = textAt(typeMeta, 2);
  if (kind !== 'Secret') throw new Error(`${kind} in protobuf is not known here`);
  const metadata = bytesAt(raw, 1);
  return {
    apiVersion: textAt(typeMeta, 1),
    kind,
    metadata: {
      name: textAt(metadata, 1),
      namespace: textAt(metadata, 3),
      labels: mapAt(metadata, 11, (value) => value.toString()),
    },
    data: mapAt(raw, 2, (value) => value.toString('base64')),
    type: textAt(raw, 3),
  };
}

/** The fields of a message that are texts, bytes or messages, in their order. */
function* fieldsOf(message: Buffer): Generator<readonly [field: number, value: Buffer]> {
  let at = 0;
  const varint = () => {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = message.readUInt8(at++);
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return value;
    }
  };
  while (at < message.length) {
    const tag = varint();
    switch (tag % 8) {
      case 0:
        varint();
        break;
      case 2: {
        const length = varint();
        yield [Math.floor(tag / 8), message.subarray(at, at + length)];
        at += length;
        break;
      }
      default:
        throw new Error(`wire type ${tag % 8} is not known here`);
    }
  }
}

const allAt = (message: Buffer, field: number): Buffer[] =>
  [...fieldsOf(message)].flatMap(([found, value]) => (found === field ? [value] : []));

const bytesAt = (message: Buffer, field: number): Buffer => allAt(message, field)[0] ?? Buffer.alloc(0);

const textAt = (message: Buffer, field: number): string => bytesAt(message, field).toString();

const mapAt = (message: Buffer, field: number, read: (value: Buffer) => string): Record<string, string> =>
  Object.fromEntries(allAt(message, field).map((entry) => [textAt(entry, 1), read(bytesAt(entry, 2))]));
