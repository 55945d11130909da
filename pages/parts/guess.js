// The answer large, the evidence beside it: one card a net, the digit it sees, the steps to that digit.
// Everything is built once and then only filled in, so that nothing jumps while one draws.

const paint = (canvas, picture, box = null) => {
  canvas.width = picture.width;
  canvas.height = picture.height;
  const pen = canvas.getContext("2d");
  pen.putImageData(grey(bytes(picture.pixels), picture.width, picture.height), 0, 0);
  if (!box) return;
  pen.strokeStyle = "#60a5fa";
  const [top, left, height, width] = box;
  const at = [left * picture.width, top * picture.height, width * picture.width, height * picture.height];
  pen.strokeRect(Math.floor(at[0]) - 0.5, Math.floor(at[1]) - 0.5, Math.ceil(at[2]) + 1, Math.ceil(at[3]) + 1);
};

const best = (probabilities) =>
  probabilities.map((value, digit) => ({ value, digit })).sort((a, b) => b.value - a.value);

class Card {
  constructor() {
    this.name = make("span", "lab-net-name");
    this.about = make("span", "lab-net-about");
    this.digit = make("div", "lab-big");
    this.sure = make("div", "lab-sure");
    this.rows = [...Array(10).keys()].map((digit) => {
      const bar = make("div", "lab-bar");
      const number = make("span", "lab-number");
      const row = make("div", "lab-row", make("span", "lab-digit", `${digit}`), make("div", "lab-track", bar), number);
      row.setAttribute("role", "img"); // with a label of its own
      return { row, bar, number };
    });
    const said = make("div", "lab-said", this.digit, this.sure);
    said.setAttribute("aria-live", "polite");
    this.node = make(
      "section",
      "lab-card",
      make("div", "lab-net", this.name, this.about),
      said,
      make("div", "lab-rows", ...this.rows.map(({ row }) => row)),
    );
  }

  fill(net, data, naive) {
    this.name.textContent = net.name;
    this.about.replaceChildren(...net.about.map((part) => make("span", "", part)));
    const probabilities = naive ? net.naive : net.probabilities;
    const silent = data.case === "blank" || (!naive && data.word);
    const [first, second] = best(probabilities);
    this.rows.forEach(({ row, bar, number }, digit) => {
      const value = silent ? 0 : probabilities[digit];
      bar.style.setProperty("--share", `${100 * value}%`);
      number.textContent = silent ? "" : percent(value);
      row.classList.toggle("lab-first", !silent && digit === first.digit);
      row.setAttribute("aria-label", silent ? `${digit}` : `${digit}: ${percent(value)} percent`);
    });
    const sure = first.value >= data.unsure;
    if (silent) {
      this.digit.textContent = "?";
      this.sure.textContent = "";
    } else if (sure) {
      this.digit.textContent = `${first.digit}`;
      this.sure.textContent = `${percent(first.value)} %`;
    } else {
      this.digit.textContent = `${first.digit} or ${second.digit}?`;
      const both = `${percent(first.value)} and ${percent(second.value)} %`;
      this.sure.replaceChildren(make("span", "lab-not", "not sure: "), both);
    }
    this.digit.classList.toggle("lab-unsure", !silent && !sure);
    this.digit.classList.toggle("lab-silent", Boolean(silent));
    this.sure.title = data.doubt;
    this.node.dataset.answer = silent ? "" : `${first.digit}`;
  }
}

class Guess {
  constructor(root) {
    this.root = root;
    this.naive = false;
    this.cards = [];
    this.word = make("p", "lab-word");
    this.word.setAttribute("aria-live", "polite");
    this.tile = make("canvas", "lab-tile");
    this.tile.setAttribute("role", "img");
    this.tileText = make("figcaption");
    this.nets = make("div", "lab-nets");
    this.pictures = Object.fromEntries(["ink", "fitted", "digit", "naive"].map((name) => [name, make("canvas")]));
    this.toggle = make("input");
    this.toggle.type = "checkbox";
    this.toggle.addEventListener("change", () => {
      this.naive = this.toggle.checked;
      this.show();
    });
    const step = (name, text, title) => {
      const figure = make("figure", `lab-step lab-step-${name}`, this.pictures[name], make("figcaption", "", text));
      figure.title = title;
      return figure;
    };
    const arrow = () => {
      const node = make("span", "lab-arrow", "→");
      node.setAttribute("aria-hidden", "true");
      return node;
    };
    this.naiveStep = step("naive", "naive 28×28", "The whole drawing squeezed into 28×28, wherever the digit is in it.");
    const steps = make(
      "details",
      "lab-how",
      make("summary", "", "How the drawing became that digit"),
      make(
        "div",
        "lab-steps",
        step("ink", "ink and box", "The ink, white on black whatever the colours were, and the box around it."),
        arrow(),
        step("fitted", "20×20", "The box scaled down by averaging areas, its longer side 20 pixels."),
        arrow(),
        step("digit", "centred 28×28", "Moved so that its centre of mass is in the middle, as in MNIST."),
        make("label", "lab-toggle", this.toggle, make("span", "", "naive resize instead")),
        this.naiveStep,
      ),
    );
    steps.open = window.innerWidth > 740;
    const sees = make("figure", "lab-sees", this.tile, this.tileText);
    root.append(make("div", "lab-main", sees, this.nets, this.word), steps);
  }

  update(data) {
    this.data = data;
    if (this.cards.length !== data.nets.length) {
      this.cards = data.nets.map(() => new Card());
      this.nets.replaceChildren(...this.cards.map((card) => card.node));
      this.nets.dataset.count = `${data.nets.length}`;
      this.nets.classList.toggle("lab-several", data.nets.length > 1);
    }
    this.show();
  }

  show() {
    const data = this.data;
    this.root.dataset.strokes = data.strokes; // which drawing this is the answer to
    const blank = data.case === "blank";
    paint(this.tile, this.naive ? data.naive : data.digit);
    this.tile.setAttribute("aria-label", blank ? "nothing yet" : "the digit as the net sees it, 28 by 28 pixels");
    this.tileText.textContent = this.naive ? "naive resize, 28×28" : "what the net sees, 28×28";
    paint(this.pictures.ink, data.ink, data.box);
    for (const name of ["fitted", "digit", "naive"]) paint(this.pictures[name], data[name]);
    this.naiveStep.classList.toggle("lab-on", this.naive);
    this.cards.forEach((card, index) => card.fill(data.nets[index], data, this.naive));
    this.word.textContent = this.text(blank);
    this.word.classList.toggle("lab-warning", Boolean(data.word) && !blank && !this.naive);
  }

  text(blank) {
    const data = this.data;
    if (!data.nets.length) return "Choose a trained net below.";
    if (blank) return "Draw a digit on the canvas: the net answers after every stroke.";
    if (data.word && !this.naive) return data.word;
    if (this.naive) return "The same drawing without MNIST's preparation.";
    return data.caption;
  }
}

export default function ({ parentElement, data }) {
  keeper(parentElement, ".lab-guess", Guess).update(data);
}
