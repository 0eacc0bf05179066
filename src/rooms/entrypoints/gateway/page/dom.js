// Building and changing the page. Data only ever becomes text nodes and checked attributes.

const SVG = "http://www.w3.org/2000/svg";

/** Make an element: attributes by name, then children, which are nodes or text. */
export function el(name, attributes = {}, ...children) {
  return fill(document.createElement(name), attributes, children);
}

/** The same for SVG. */
export function svg(name, attributes = {}, ...children) {
  return fill(document.createElementNS(SVG, name), attributes, children);
}

function fill(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== null && value !== undefined) node.setAttribute(name, value);
  }
  node.append(...children.filter((child) => child !== null));
  return node;
}

/** Change a node's text only where it differs, so that selections and readers are left alone. */
export function say(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

export function set(node, name, value) {
  if (node.getAttribute(name) !== String(value)) node.setAttribute(name, value);
}

/** Set a custom property: lengths come from data, the rest of the look from the style sheet. */
export function measure(node, name, value) {
  node.style.setProperty(name, String(value));
}

/**
 * Keep a list's children in step with items, each made once and then updated.
 * `make(item)` gives {node, update, end?}; a child keeps its focus because its node is kept.
 */
export function keyed(list, keyOf, make) {
  const known = new Map();
  return (items) => {
    const wanted = new Set(items.map(keyOf));
    for (const [key, { node, end }] of known) {
      if (wanted.has(key)) continue;
      node.remove();
      end?.();
      known.delete(key);
    }
    items.forEach((item, place) => {
      const key = keyOf(item);
      if (!known.has(key)) known.set(key, make(item));
      const { node, update } = known.get(key);
      update(item);
      if (list.children[place] !== node) list.insertBefore(node, list.children[place] ?? null);
    });
  };
}
