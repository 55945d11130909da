// Digits side by side; heat is laid over the dimmed digit.

const paint = (canvas, picture) => {
  const digit = bytes(picture.digit);
  const heat = picture.heat ? new Int8Array(bytes(picture.heat).buffer) : null;
  const image = new ImageData(28, 28);
  for (let i = 0; i < 784; i++) {
    const base = heat ? 0.45 * digit[i] : digit[i];
    const strength = heat ? Math.abs(heat[i]) / 127 : 0;
    const over = heat && heat[i] < 0 ? [80, 160, 255] : [255, 150, 30];
    image.data.set([...over.map((value) => base + (value - base) * Math.min(1, 1.2 * strength)), 255], 4 * i);
  }
  canvas.getContext("2d").putImageData(image, 0, 0);
};

export default function ({ parentElement, data }) {
  const root = parentElement.querySelector(".lab-pictures");
  if (root.children.length !== data.pictures.length) {
    root.replaceChildren(
      ...data.pictures.map(() => {
        const canvas = make("canvas");
        canvas.width = canvas.height = 28;
        canvas.setAttribute("role", "img");
        return make("figure", "", make("b"), canvas, make("figcaption"));
      }),
    );
  }
  data.pictures.forEach((picture, index) => {
    const [title, canvas, text] = root.children[index].children;
    title.textContent = picture.title;
    text.textContent = picture.text;
    canvas.setAttribute("aria-label", `${picture.title}: ${picture.text}`);
    paint(canvas, picture);
  });
}
