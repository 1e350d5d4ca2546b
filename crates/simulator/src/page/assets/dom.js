// A small keyed DOM differ. Text is always set as text, never parsed as markup, so nothing needs escaping.

const SVG = 'http://www.w3.org/2000/svg';

/** A node to be: `h('li', {key: id, class: 'x', onclick: f}, 'text', h('b', null, 'more'))`. */
export function h(tag, props, ...children) {
  const { key = null, ...rest } = props ?? {};
  return { tag, key: key === null ? null : String(key), props: rest, children: flat(children) };
}

function flat(children) {
  return children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false && child !== '');
}

/** Makes the children of `parent` look like `wanted`, keeping every node that can be kept. */
export function patch(parent, ...wanted) {
  const nodes = flat(wanted);
  const keyed = new Map();
  const loose = [];
  for (const node of parent.childNodes) {
    if (node.$key) keyed.set(node.$key, node);
    else loose.push(node);
  }
  let at = parent.firstChild;
  for (const vnode of nodes) {
    const node = reuse(vnode, keyed, loose) ?? create(vnode, parent);
    update(node, vnode);
    if (node === at) at = at.nextSibling;
    else parent.insertBefore(node, at);
  }
  while (at) {
    const next = at.nextSibling;
    at.remove();
    at = next;
  }
}

function reuse(vnode, keyed, loose) {
  if (typeof vnode !== 'object') {
    const index = loose.findIndex((node) => node.nodeType === Node.TEXT_NODE);
    return index < 0 ? null : loose.splice(index, 1)[0];
  }
  if (vnode.key !== null) {
    const node = keyed.get(vnode.key);
    if (node?.$tag !== vnode.tag) return null;
    keyed.delete(vnode.key);
    return node;
  }
  const index = loose.findIndex((node) => node.$tag === vnode.tag);
  return index < 0 ? null : loose.splice(index, 1)[0];
}

function create(vnode, parent) {
  if (typeof vnode !== 'object') return document.createTextNode('');
  const svg = vnode.tag === 'svg' || parent.namespaceURI === SVG;
  const node = svg ? document.createElementNS(SVG, vnode.tag) : document.createElement(vnode.tag);
  node.$tag = vnode.tag;
  node.$key = vnode.key;
  node.$props = {};
  return node;
}

function update(node, vnode) {
  if (typeof vnode !== 'object') {
    const text = String(vnode);
    if (node.data !== text) node.data = text;
    return;
  }
  const before = node.$props;
  for (const name of Object.keys(before)) {
    if (!(name in vnode.props)) set(node, name, null);
  }
  for (const [name, value] of Object.entries(vnode.props)) {
    if (before[name] !== value) set(node, name, value);
  }
  node.$props = vnode.props;
  patch(node, vnode.children);
}

function set(node, name, value) {
  if (name.startsWith('on')) node[name] = value;
  else if (value === null || value === undefined || value === false) node.removeAttribute(name);
  else node.setAttribute(name, value === true ? '' : String(value));
}
