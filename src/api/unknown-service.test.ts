import { expect, test } from 'vitest';
import { namesakes, unknownService } from './unknown-service.ts';

test.each<[string, readonly string[], string]>([
  ['web', ['shop/web', 'test/web', 'shop/api'], ' (shop/web or test/web?)'],
  ['other/web', ['shop/web'], ' (shop/web?)'],
  ['shop/wbe', ['shop/api', 'shop/web'], ' (shop/web?)'],
  ['Shop/web', ['shop/web'], ' (shop/web?)'],
  ['shop/api', ['shop/web'], ''],
  ['web', [], ''],
])('%s among %j may be%s', (name, known, expected) => {
  expect(namesakes(name, known)).toBe(expected);
});

test('the error tells which one may be meant', () => {
  expect(unknownService('shop/wbe', ['shop/web'], 'in the input').message).toBe(
    'no Service "shop/wbe" in the input (shop/web?)',
  );
});
