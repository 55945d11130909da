// A digit with the receptive field of one unit drawn on it. Stepping through the layers and choosing the unit
// happen here, without the server: all that is needed is one line of numbers a layer.

const both = (pair, join = "×") => (pair[0] === pair[1] ? `${pair[0]}` : pair.join(join));

// White ink on black as a picture: one pixel a pixel, however large it is shown.
const painted = (pixels, width, height) => {
  const canvas = document.createElement("canvas");
  Object.assign(canvas, { width, height });
  const context = canvas.getContext("2d");
  context.fillRect(0, 0, width, height);
  for (const [row, column, grey] of pixels) {
    context.fillStyle = `rgb(${grey}, ${grey}, ${grey})`;
    context.fillRect(column, row, 1, 1);
  }
  return canvas.toDataURL();
};

class Field {
  constructor(root) {
    this.root = root;
    this.wanted = null; // the layer that was chosen last: one that is off or new may have no field yet
    this.number = null; // the layer that is shown
    this.place = [0.5, 0.5]; // where the unit is, as a fraction of the map
    hear("mnist-lab-layer", root, (n) => this.show(n));
    const [previous, next] = root.querySelectorAll("button");
    previous.addEventListener("click", () => this.go(-1));
    next.addEventListener("click", () => this.go(1));
    root.addEventListener("keydown", (event) => {
      const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
      if (by) this.go(by);
    });
    const picture = root.querySelector("svg");
    const point = (event) => {
      if (event.type === "pointermove" && event.pointerType !== "mouse" && !event.buttons) return;
      const at = new DOMPoint(event.clientX, event.clientY).matrixTransform(picture.getScreenCTM().inverse());
      this.aim(at.y, at.x);
    };
    picture.addEventListener("pointermove", point);
    picture.addEventListener("pointerdown", point);
  }

  update(data) {
    this.data = data;
    this.show(this.wanted);
  }

  get index() {
    return this.data.layers.findIndex((layer) => layer.n === this.number);
  }

  go(by) {
    const next = this.data.layers[clamp(this.index + by, 0, this.data.layers.length - 1)];
    if (!next) return;
    this.show(next.n);
    window.dispatchEvent(new CustomEvent("mnist-lab-show-layer", { detail: next.n }));
  }

  // One without a field leaves the one that is shown.
  show(number) {
    const has = (one) => this.data.layers.some((layer) => layer.n === one);
    this.wanted = number;
    if (has(number)) this.number = number;
    else if (!has(this.number)) this.number = this.data.start;
    this.draw();
  }

  // The unit whose centre is nearest to a point of the image.
  aim(y, x) {
    const layer = this.data.layers[this.index];
    if (!layer) return;
    this.place = [y, x].map((value, axis) => {
      const unit = Math.round((value - layer.start[axis]) / layer.jump[axis]);
      const size = layer.grid[axis];
      return size > 1 ? clamp(unit, 0, size - 1) / (size - 1) : 0.5;
    });
    this.draw();
  }

  draw() {
    const { height, width, pixels, layers } = this.data;
    const picture = this.root.querySelector("svg");
    const layer = layers[this.index];
    const margin = Math.ceil(Math.max(height, width) * 0.16);
    picture.setAttribute("viewBox", `${-margin} ${-margin} ${width + 2 * margin} ${height + 2 * margin}`);
    picture.replaceChildren(
      svg("image", { x: 0, y: 0, width, height, href: painted(pixels, width, height), class: "lab-image" }),
    );
    const title = this.root.querySelector(".lab-field-title");
    const text = this.root.querySelector(".lab-field-text");
    if (!layer) {
      [title.textContent, text.textContent] = this.data.nothing;
      return;
    }
    if (this.data.effective?.[layer.n]) this.place = layer.grid.map((size) => Math.floor(size / 2) / Math.max(1, size - 1));
    const unit = layer.grid.map((size, axis) => Math.round(this.place[axis] * (size - 1)));
    const centre = unit.map((value, axis) => layer.start[axis] + value * layer.jump[axis]);
    const low = centre.map((value, axis) => value - layer.field[axis] / 2);
    const high = centre.map((value, axis) => value + layer.field[axis] / 2);
    const seen = [height, width].map((size, axis) => [clamp(low[axis], 0, size), clamp(high[axis], 0, size)]);
    const effective = this.data.effective?.[layer.n];
    (effective ?? []).forEach((weight, index) => {
      if (weight < 4) return;
      const place = { x: index % width, y: Math.floor(index / width), width: 1.02, height: 1.02 };
      picture.append(svg("rect", { ...place, class: "lab-effective", "fill-opacity": (weight / 255) * 0.85 }));
    });
    const box = { x: low[1], y: low[0], width: layer.field[1], height: layer.field[0] };
    const inside = { x: seen[1][0], y: seen[0][0], width: seen[1][1] - seen[1][0], height: seen[0][1] - seen[0][0] };
    picture.append(svg("rect", { ...box, class: "lab-window" }), svg("rect", { ...inside, class: "lab-seen" }));
    if (effective) picture.querySelector(".lab-seen").classList.add("lab-outline");
    picture.append(svg("circle", { cx: centre[1], cy: centre[0], r: 0.5, class: "lab-centre" }));
    const size = seen.map(([from, to]) => Math.max(0, to - from));
    title.textContent = `${layer.n} ${layer.kind}`;
    const clipped = size[0] < layer.field[0] || size[1] < layer.field[1];
    const covers = size[0] === height && size[1] === width;
    text.textContent =
      `A unit of this ${layer.shape} map sees ${both(layer.field)} px` +
      (covers ? ": the whole image" : clipped ? `, of which ${both(size)} px are image and the rest padding` : "") +
      `. Neighbouring units are ${both(layer.jump)} px apart.` +
      (effective ? " Orange: how strongly the unit in the middle depends on each pixel." : "");
  }
}

export default function ({ data, parentElement }) {
  keeper(parentElement, ".lab-field-view", Field).update(data);
}
