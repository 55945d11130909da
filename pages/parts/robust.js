// The probability of the digit that each net names at first, along a change; a slider steps through it.

const amountText = (value, unit) => `${Number(value.toFixed(2))}`.replace("-", "−") + (unit ? ` ${unit}` : "");

const HEIGHT = 240;
const LEFT = 40;
const BOTTOM = 24;
const TOP = 8;

class Robust {
  constructor(root) {
    this.index = null;
    this.tile = make("canvas", "lab-tile");
    this.tile.width = this.tile.height = 28;
    this.slider = make("input");
    this.slider.type = "range";
    this.slider.addEventListener("input", () => {
      this.index = Number(this.slider.value);
      this.mark();
    });
    this.amount = make("output");
    this.reset = make("button", "lab-reset", "unchanged");
    this.reset.type = "button";
    this.reset.addEventListener("click", () => {
      this.index = this.neutral;
      this.mark();
    });
    this.width = 640; // of the plot, in pixels of the screen
    this.plot = svg("svg", { role: "img" });
    const point = (event) => {
      if (event.type === "pointermove" && !event.buttons) return;
      const box = this.plot.getBoundingClientRect();
      const x = event.clientX - box.left;
      const last = this.data.amounts.length - 1;
      this.index = clamp(Math.round(((x - LEFT) / (this.width - LEFT - 8)) * last), 0, last);
      this.mark();
    };
    this.plot.addEventListener("pointerdown", point);
    this.plot.addEventListener("pointermove", point);
    this.list = make("ul", "lab-list");
    this.help = make("p", "lab-quiet");
    root.append(
      make("div", "lab-robust-left", this.tile, make("div", "lab-line", this.amount, this.reset)),
      make("div", "lab-robust-right", this.help, this.plot, this.slider, this.list),
    );
    new ResizeObserver(() => {
      if (!this.data || this.plot.clientWidth === this.width) return;
      this.draw();
      this.mark();
    }).observe(root);
  }

  get neutral() {
    return this.data.amounts.indexOf(this.data.neutral);
  }

  update(data) {
    const other = !this.data || this.data.change !== data.change;
    this.data = data;
    if (other) this.index = this.neutral;
    this.slider.min = 0;
    this.slider.max = data.amounts.length - 1;
    this.slider.step = 1;
    this.slider.setAttribute("aria-label", data.title);
    this.help.textContent = data.help;
    this.draw();
    this.mark();
  }

  x(index) {
    return LEFT + (index / (this.data.amounts.length - 1)) * (this.width - LEFT - 8);
  }

  y(probability) {
    return TOP + (1 - probability) * (HEIGHT - TOP - BOTTOM);
  }

  draw() {
    this.width = this.plot.clientWidth || this.width;
    this.plot.setAttribute("viewBox", `0 0 ${this.width} ${HEIGHT}`);
    const { amounts, nets, unit } = this.data;
    const last = amounts.length - 1;
    const axis = [0, 0.5, 1].flatMap((value) => [
      svg("line", { x1: LEFT, x2: this.width - 8, y1: this.y(value), y2: this.y(value), class: "lab-grid-line" }),
      svg("text", { x: LEFT - 6, y: this.y(value) + 4, "text-anchor": "end" }, `${100 * value} %`),
    ]);
    const ticks = [0, last / 4, last / 2, (3 * last) / 4, last].map((index) => {
      const anchor = index === 0 ? "start" : index === last ? "end" : "middle";
      const text = amountText(amounts[Math.round(index)], unit);
      return svg("text", { x: this.x(index), y: HEIGHT - 6, "text-anchor": anchor }, text);
    });
    const lines = nets.map((net, order) => {
      const points = net.probabilities.map((said, index) => `${this.x(index)},${this.y(said[net.named])}`);
      return svg("polyline", { points: points.join(" "), class: `lab-net-${order}` });
    });
    const flips = nets.flatMap((net, order) =>
      net.flips
        .filter((flip) => flip !== null)
        .map((flip) => {
          const index = amounts.indexOf(flip);
          return svg("circle", { cx: this.x(index), cy: this.y(net.probabilities[index][net.named]), r: 4, class: `lab-net-${order}` });
        }),
    );
    this.cursor = svg("line", { y1: TOP, y2: HEIGHT - BOTTOM, class: "lab-cursor" });
    this.plot.replaceChildren(...axis, ...ticks, this.cursor, ...lines, ...flips);
    this.plot.setAttribute("aria-label", `probability of the first answer, against ${this.data.title}`);
  }

  mark() {
    const { amounts, nets, unit } = this.data;
    const pixels = bytes(this.data.digits).subarray(784 * this.index, 784 * (this.index + 1));
    this.tile.getContext("2d").putImageData(grey(pixels), 0, 0);
    this.slider.value = this.index;
    this.amount.textContent = amountText(amounts[this.index], unit);
    this.slider.setAttribute("aria-valuetext", this.amount.textContent);
    this.cursor.setAttribute("x1", this.x(this.index));
    this.cursor.setAttribute("x2", this.x(this.index));
    this.list.replaceChildren(
      ...nets.map((net, order) => {
        const said = net.probabilities[this.index];
        const digit = said.indexOf(Math.max(...said));
        const flips = net.flips.filter((flip) => flip !== null).map((flip) => amountText(flip, unit));
        const until = flips.length ? `another answer from ${flips.join(" and ")} on` : "the same answer all along";
        return make(
          "li",
          "",
          make("i", `lab-net-${order}`),
          make("b", "", `${digit}`),
          make("span", "", `${percent(said[digit])} % `),
          make("span", "", net.name),
          make("span", "lab-quiet", ` · ${until}`),
        );
      }),
    );
  }
}

export default function ({ parentElement, data }) {
  keeper(parentElement, ".lab-robust", Robust).update(data);
}
