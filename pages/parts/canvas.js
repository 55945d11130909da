// Makes the canvas tell at once what was drawn.
//
// After a stroke the canvas waits a fifth of a second for more before it tells. Its toolbar has a button that
// tells at once; it is pressed here when the pointer is lifted. Where that button is not found, all works as
// before, a little later.

const TELL = 'button[aria-label="Update the app with this drawing"]';

const toolbarOf = (event) => {
  for (const node of event.composedPath()) {
    if (node.classList?.contains("dc-root")) return node;
  }
  return null;
};

let drawingOn = null;

const down = (event) => {
  drawingOn = toolbarOf(event);
};

const up = () => {
  const root = drawingOn;
  drawingOn = null;
  // After the canvas's own handlers, which run for the mouse's and the touch's events, not the pointer's.
  if (root) setTimeout(() => root.querySelector(TELL)?.click(), 20);
};

export default function () {
  if (window.mnistLabPrompt) return;
  window.mnistLabPrompt = true;
  window.addEventListener("pointerdown", down, true);
  window.addEventListener("mouseup", up, true);
  window.addEventListener("touchend", up, true);
}
