import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { portableSha256, sha256 } from './sha256.ts';

const hex = (digest: string) => Buffer.from(digest, 'latin1').toString('hex');

// FIPS 180-2, appendix B, and the empty text.
test.each([
  ['', 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'],
  ['abc', 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad'],
  [
    'abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq',
    '248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1',
  ],
])('the hash of %j', (text, digest) => {
  expect([hex(sha256(text)), hex(portableSha256(text))]).toEqual([digest, digest]);
});

test('with and without Node.js, a text has one hash', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(0xffff), { maxLength: 300 }), (codes) => {
      const text = String.fromCharCode(...codes);
      const expected = createHash('sha256').update(text).digest('hex');
      expect([hex(sha256(text)), hex(portableSha256(text))]).toEqual([expected, expected]);
    }),
  );
});
