/** Making elements. Texts become text, whatever they hold. */
import type { Shape } from '../arrangement/drawing.ts';

type Attributes = Readonly<Record<string, string | number>>;

/** An element of SVG. */
export function svg<Name extends keyof SVGElementTagNameMap>(
  name: Name,
  attributes: Attributes,
  ...children: (Node | string)[]
): SVGElementTagNameMap[Name] {
  const element = document.createElementNS('http://www.w3.org/2000/svg', name);
  return filled(element, attributes, children);
}

/** The element of a shape, with those in it. */
export function shapeElement({ name, attributes, children }: Shape): Element {
  const element = document.createElementNS('http://www.w3.org/2000/svg', name);
  const inside = children.map((child) => (typeof child === 'string' ? child : shapeElement(child)));
  return filled(element, attributes, inside);
}

/** An element of HTML. */
export function html<Name extends keyof HTMLElementTagNameMap>(
  name: Name,
  attributes: Attributes,
  ...children: (Node | string)[]
): HTMLElementTagNameMap[Name] {
  return filled(document.createElement(name), attributes, children);
}

/** A button that does something. */
export function button(words: string, attributes: Attributes, action: () => void): HTMLButtonElement {
  const element = html('button', { type: 'button', ...attributes }, words);
  element.addEventListener('click', action);
  return element;
}

function filled<T extends Element>(element: T, attributes: Attributes, children: (Node | string)[]): T {
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, String(value));
  element.append(...children);
  return element;
}
