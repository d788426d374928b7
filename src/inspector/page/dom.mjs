const svgNamespace = 'http://www.w3.org/2000/svg';

/** @typedef {Readonly<Record<string, string | number | boolean | undefined>>} Attributes */

/**
 * An HTML element. Text becomes a text node, never markup.
 *
 * @template {keyof HTMLElementTagNameMap} T
 * @param {T} name
 * @param {Attributes} attributes undefined and false are omitted
 * @param {...(Node | string)} children
 */
export function element(name, attributes, ...children) {
  const made = document.createElement(name);
  assign(made, attributes);
  made.append(...children);
  return made;
}

/**
 * An SVG element.
 *
 * @template {keyof SVGElementTagNameMap} T
 * @param {T} name
 * @param {Attributes} attributes
 * @param {...(Node | string)} children
 */
export function drawn(name, attributes, ...children) {
  const made = document.createElementNS(svgNamespace, name);
  assign(made, attributes);
  made.append(...children);
  return made;
}

/**
 * The element of index.html with this id.
 *
 * @template {Element} T
 * @param {string} id
 * @param {new () => T} type
 * @returns {T}
 */
export function byId(id, type) {
  const found = document.getElementById(id);
  if (!(found instanceof type)) throw new Error(`index.html has no ${type.name} #${id}`);
  return found;
}

/**
 * The icon of a state; each has its own shape, so that colours need not be distinguished.
 *
 * @param {string} name
 */
export function mark(name) {
  const use = drawn('use', { href: `#mark-${name}` });
  return {
    sign: drawn('svg', { class: `mark ${name}`, viewBox: '0 0 16 16', 'aria-hidden': 'true' }, use),
    use,
  };
}

/**
 * Writes only a changed text: an unchanged one would still cost a layout.
 *
 * @param {Node} node
 * @param {string} text
 */
export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/**
 * @param {Element} made
 * @param {Attributes} attributes
 */
function assign(made, attributes) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== undefined && value !== false) made.setAttribute(name, String(value));
  }
}
