/**
 * Updates an element's children to these, changing only differences: focus, selection and scrolling are kept, and equal parts cost
 * no layout.
 *
 * @param {Element} place
 * @param {readonly Node[]} wanted are used up
 */
export function morph(place, wanted) {
  for (const [index, node] of wanted.entries()) {
    const present = place.childNodes[index];
    if (present === undefined) place.append(node);
    else if (!present.isEqualNode(node)) morphNode(present, node);
  }
  while (place.childNodes.length > wanted.length) place.lastChild?.remove();
}

/** @param {ChildNode} present @param {Node} node */
function morphNode(present, node) {
  if (present instanceof Element && node instanceof Element && present.tagName === node.tagName) {
    for (const name of present.getAttributeNames())
      if (!node.hasAttribute(name)) present.removeAttribute(name);
    for (const { name, value } of node.attributes) {
      if (present.getAttribute(name) !== value) present.setAttribute(name, value);
    }
    morph(present, [...node.childNodes]);
  } else if (present instanceof Text && node instanceof Text) {
    present.data = node.data;
  } else {
    present.replaceWith(node);
  }
}
