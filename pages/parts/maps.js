// The maps of a layer, side by side on one scale. Layers and units are chosen here; only the numbers behind a
// unit's value come from the server.

const number = (value) => (value === null ? "·" : value.toPrecision(3).replace("-", "−"));

// Black for 0, to white by orange for positive values, to light blue for negative ones.
const colour = (value) => {
  const t = Math.abs(value) / 127;
  return value >= 0
    ? [255 * Math.min(1, 1.5 * t), 255 * t ** 1.3, 255 * t ** 2.6]
    : [110 * t ** 1.5, 255 * 0.7 * t, 255 * Math.min(1, 1.3 * t)];
};
const PALETTE = [...Array(256).keys()].map((byte) => colour(byte > 127 ? byte - 256 : byte));

class Maps {
  constructor(root) {
    this.root = root;
    this.number = null; // of the layer that is shown
    this.unit = null; // [layer, map, row, column]
    this.chips = make("div", "lab-chips");
    this.chips.setAttribute("role", "group");
    this.chips.setAttribute("aria-label", "layers");
    this.title = make("div", "lab-maps-title");
    this.grid = make("div", "lab-grid");
    this.digit = make("canvas", "lab-tile");
    this.digit.width = this.digit.height = 28;
    this.field = make("div", "lab-field");
    this.story = make("div", "lab-story");
    this.story.setAttribute("aria-live", "polite");
    root.append(
      this.chips,
      make(
        "div",
        "lab-maps-main",
        make("div", "lab-maps-left", this.title, this.grid),
        make("div", "lab-maps-right", make("div", "lab-seen", this.digit, this.field), this.story),
      ),
    );
  }

  get layer() {
    return this.data.layers.find((layer) => layer.number === this.number);
  }

  update(data, tell) {
    const first = !this.data || this.data.net !== data.net || this.data.layers.length !== data.layers.length;
    this.data = data;
    this.tell = tell;
    if (first) {
      this.build();
      this.unit = null; // it was one of another net
    }
    if (!this.layer) this.number = data.layers[0].number;
    if (data.unit && !this.unit) this.unit = data.unit.place;
    this.show();
  }

  build() {
    this.chips.replaceChildren(
      ...this.data.layers.map((layer) => {
        const chip = make("button", "lab-chip", `${layer.number} ${layer.kind}`);
        chip.type = "button";
        chip.dataset.number = layer.number;
        chip.title = layer.shape;
        chip.addEventListener("click", () => {
          this.number = layer.number;
          this.unit = null;
          this.show();
        });
        return chip;
      }),
    );
  }

  show() {
    const layer = this.layer;
    for (const chip of this.chips.children) {
      chip.setAttribute("aria-pressed", String(Number(chip.dataset.number) === layer.number));
    }
    const [count, height, width] = layer.sides;
    const values = bytes(layer.values);
    const shown = values.length / (height * width);
    const more = shown < count ? `, the first ${shown} of them` : "";
    this.title.replaceChildren(
      make("b", "", `${layer.number} ${layer.kind}`),
      make("span", "", ` ${layer.shape}${more} · from ${number(layer.low)} to ${number(layer.high)}, one scale `),
      make("span", "lab-scale"),
    );
    if (this.grid.children.length !== shown || this.shape !== layer.shape) {
      this.shape = layer.shape;
      this.grid.replaceChildren(...[...Array(shown).keys()].map((index) => this.map(index)));
    }
    const side = height === 1 && width === 1 ? 26 : clamp(Math.round(1900 / Math.sqrt(shown) / 5), 56, 112);
    [...this.grid.children].forEach((canvas, index) => {
      canvas.width = width;
      canvas.height = height;
      canvas.style.width = `${side}px`;
      canvas.title = `map ${index + 1} of ${count}: Enter or a click chooses a unit, arrows move it`;
      canvas.setAttribute("aria-label", canvas.title);
      paint(canvas, values.subarray(index * height * width, (index + 1) * height * width));
      canvas.classList.toggle("lab-chosen", this.unit?.[0] === layer.number && this.unit[1] === index);
    });
    this.mark();
    this.tellStory();
  }

  map(index) {
    const canvas = make("canvas");
    canvas.tabIndex = 0;
    canvas.setAttribute("role", "button");
    canvas.addEventListener("click", (event) => {
      const box = canvas.getBoundingClientRect();
      const [, height, width] = this.layer.sides;
      const row = Math.floor(((event.clientY - box.top) / box.height) * height);
      this.choose(index, row, Math.floor(((event.clientX - box.left) / box.width) * width));
    });
    canvas.addEventListener("keydown", (event) => this.key(event, index));
    return canvas;
  }

  choose(index, row, column) {
    const [, height, width] = this.layer.sides;
    this.unit = [this.number, index, clamp(row, 0, height - 1), clamp(column, 0, width - 1)];
    this.show();
    this.tell("unit", this.unit);
  }

  // Enter and Space choose the unit in the map's middle, arrows go on from the chosen one.
  key(event, index) {
    const moves = { Enter: [0, 0], " ": [0, 0], ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };
    const move = moves[event.key];
    if (!move) return;
    event.preventDefault();
    const [, height, width] = this.layer.sides;
    const here = this.unit?.[0] === this.number && this.unit[1] === index;
    const [row, column] = here ? this.unit.slice(2) : [Math.floor(height / 2), Math.floor(width / 2)];
    this.choose(index, row + (here ? move[0] : 0), column + (here ? move[1] : 0));
  }

  // The unit's field on the digit here and on the drawing above, as fractions of both.
  mark() {
    const pen = this.digit.getContext("2d");
    pen.putImageData(grey(bytes(this.data.digit)), 0, 0);
    const onDrawing = overlay();
    const here = this.unit && this.unit[0] === this.number;
    this.field.hidden = !here;
    if (onDrawing) onDrawing.hidden = !here || !this.data.canvas;
    if (!here) return;
    const edges = [0, 1].map((axis) => {
      const centre = this.layer.start[axis] + this.unit[2 + axis] * this.layer.jump[axis];
      return [0, 28].map((_, end) => clamp(centre + (end - 0.5) * this.layer.field[axis], 0, 28));
    });
    place(this.field, edges, (value) => value / 28);
    if (onDrawing && this.data.canvas) {
      const [scaleY, offsetY, scaleX, offsetX] = this.data.canvas;
      place(
        onDrawing,
        edges,
        (value, axis) => clamp(axis ? value * scaleX + offsetX : value * scaleY + offsetY, 0, 1),
      );
    }
  }

  tellStory() {
    const unit = this.data.unit;
    if (!this.unit || this.unit[0] !== this.number) {
      this.story.replaceChildren(make("p", "lab-quiet", "Click a pixel of a map: what it sees is outlined, on the digit and on the drawing, and its value is explained."));
      return;
    }
    const [, map, row, column] = this.unit;
    const head = make("p", "", `map ${map + 1}, row ${row + 1}, column ${column + 1}`);
    if (!unit || unit.place.join() !== this.unit.join()) {
      this.story.replaceChildren(head, make("p", "lab-quiet", "…"));
      return;
    }
    const parts = [head, make("p", "lab-rule", make("b", "", number(unit.value)), ` = ${unit.rule}`)];
    if (unit.window) {
      const many = unit.shares.length > 1;
      if (many) parts.push(make("p", "lab-quiet", `Of the inputs, map ${unit.strongest + 1} adds most:`));
      const tables = [captioned(many ? `in map ${unit.strongest + 1}` : "inputs", unit.window)];
      if (unit.weights) {
        const products = unit.window.map((line, i) => line.map((value, j) => value * unit.weights[i][j]));
        const sum = products.flat().reduce((a, b) => a + b, 0);
        tables.push(make("span", "", "×"), captioned("weights", unit.weights));
        tables.push(make("span", "", "="), captioned(`sum ${number(sum)}`, products));
      }
      parts.push(make("div", "lab-tables", ...tables));
    }
    if (unit.shares.length > 1) parts.push(shares(unit));
    if (unit.kernels && unit.shares.length > 1) parts.push(kernels(unit.kernels, map, unit.inputs));
    this.story.replaceChildren(...parts);
  }
}

const place = (node, edges, scaled) => {
  const [[top, bottom], [left, right]] = edges.map((pair, axis) => pair.map((value) => scaled(value, axis)));
  Object.assign(node.style, {
    top: `${100 * top}%`,
    left: `${100 * left}%`,
    height: `${100 * (bottom - top)}%`,
    width: `${100 * (right - left)}%`,
  });
};

const overlay = () => {
  const box = document.querySelector(".st-key-canvas-box");
  if (!box) return null;
  let node = box.querySelector(":scope > .lab-field");
  if (!node) {
    node = make("div", "lab-field");
    box.append(node);
  }
  return node;
};

const captioned = (caption, rows) => {
  const largest = Math.max(...rows.flat().map((value) => Math.abs(value ?? 0))) || 1;
  const table = make("table", "", make("caption", "", caption));
  for (const line of rows) {
    const row = make("tr");
    for (const value of line) {
      const cell = make("td", "", number(value));
      const [r, g, b] = colour((127 * (value ?? 0)) / largest);
      cell.style.background = `rgb(${r} ${g} ${b})`;
      cell.style.color = r + g + b > 360 ? "#000" : "#fff";
      row.append(cell);
    }
    table.append(row);
  }
  return table;
};

const some = (shown, all) => (shown < all ? ` (the first ${shown} of ${all.toLocaleString("en")})` : "");

// What each input map adds, as bars up and down; the bias last.
const shares = (unit) => {
  const all = [...unit.shares, unit.bias];
  const largest = Math.max(...all.map(Math.abs)) || 1;
  const bars = all.map((share, index) => {
    const bar = make("span", share < 0 ? "lab-down" : "lab-up");
    bar.style.height = `${(50 * Math.abs(share)) / largest}%`;
    const name = index < unit.shares.length ? `map ${index + 1}` : "bias";
    const slot = make("span", index < unit.shares.length ? "" : "lab-bias", bar);
    slot.title = `${name}: ${number(share)}`;
    return slot;
  });
  return make("figure", "lab-shares", make("div", "", ...bars), make("figcaption", "", `what each input adds${some(unit.shares.length, unit.inputs)}; the bias last`));
};

// The weights of one map, a square for each input map, on one scale.
const kernels = ({ sides, values }, map, inputs) => {
  const [count, height, width] = sides;
  const weights = bytes(values);
  const squares = [...Array(count).keys()].map((index) => {
    const canvas = make("canvas");
    canvas.width = width;
    canvas.height = height;
    canvas.title = `kernel for input map ${index + 1}`;
    paint(canvas, weights.subarray(index * height * width, (index + 1) * height * width));
    return canvas;
  });
  const text = `the kernels of map ${map + 1}, one for each input map${some(count, inputs)}`;
  return make("figure", "lab-kernels", make("div", "", ...squares), make("figcaption", "", text));
};

const paint = (canvas, values) => {
  const image = new ImageData(canvas.width, canvas.height);
  values.forEach((value, i) => image.data.set([...PALETTE[value], 255], 4 * i));
  canvas.getContext("2d").putImageData(image, 0, 0);
};

export default function ({ parentElement, data, setTriggerValue }) {
  keeper(parentElement, ".lab-maps", Maps).update(data, setTriggerValue);
  return () => {
    const box = document.querySelector(".st-key-canvas-box > .lab-field");
    if (box) box.remove();
  };
}
