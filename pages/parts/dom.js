// What the components share. It stands before each one's own JavaScript, in the same module.

const make = (tag, name = "", ...children) => {
  const node = document.createElement(tag);
  if (name) node.className = name;
  node.append(...children);
  return node;
};

const SVG = "http://www.w3.org/2000/svg";
const svg = (tag, attributes = {}, ...children) => {
  const node = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
};

const clamp = (value, low, high) => Math.min(high, Math.max(low, value));

const percent = (value) => {
  const text = (100 * value).toFixed(1);
  if (value > 0 && text === "0.0") return "<0.1";
  return value < 1 && text === "100.0" ? ">99.9" : text;
};

const bytes = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));

// One byte a pixel, as a picture.
const grey = (pixels, width = 28, height = 28) => {
  const image = new ImageData(width, height);
  pixels.forEach((value, i) => image.data.set([value, value, value, 255], 4 * i));
  return image;
};

// Parts of the page that follow a live run, by name: pulse.js renews those on the screen.
const followers = (window.mnistLabFollowers ??= new Map());
const follow = (name, root, show) => {
  if (name) followers.set(name, { root, show });
};

// What one component tells another, until the element that listens has left the page.
const hear = (name, root, act) => {
  const listener = (event) => {
    if (root.isConnected) act(event.detail);
    else window.removeEventListener(name, listener);
  };
  window.addEventListener(name, listener);
};

// The object that looks after an element: made once, and found again at every update.
const keepers = new WeakMap();
const keeper = (parent, selector, Kind) => {
  const root = parent.querySelector(selector);
  if (!keepers.has(root)) keepers.set(root, new Kind(root));
  return keepers.get(root);
};

