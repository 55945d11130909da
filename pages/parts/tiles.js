// Digit tiles. Built once and then only filled in, so that nothing jumps or flickers while a net learns.

const GUESSES = 3;

class Tile {
  constructor() {
    this.canvas = make("canvas");
    this.canvas.width = this.canvas.height = 28;
    this.canvas.setAttribute("role", "img");
    this.picture = make("a", "", this.canvas);
    this.picture.target = "_blank";
    this.title = make("b");
    this.note = make("span", "lab-note");
    this.rows = Array.from({ length: GUESSES }, () => {
      const [digit, bar, number] = [make("span"), make("i"), make("span")];
      return { row: make("li", "", digit, make("span", "lab-track", bar), number), digit, bar, number };
    });
    this.node = make(
      "figure",
      "",
      this.picture,
      make("figcaption", "", this.title, this.note, make("ol", "", ...this.rows.map(({ row }) => row))),
    );
  }

  fill({ title, note, label, guesses, pixels, link }) {
    if (link) this.picture.href = link;
    else this.picture.removeAttribute("href");
    this.picture.title = link ? "Open on the Draw page" : "";
    this.title.textContent = title;
    this.note.textContent = note;
    this.note.hidden = !note;
    if (pixels !== this.pixels) this.paint(pixels);
    this.canvas.setAttribute("aria-label", pixels ? title : `${title}: nothing yet`);
    this.rows.forEach(({ row, digit, bar, number }, place) => {
      const [said, probability] = guesses[place] ?? ["", 0];
      digit.textContent = said;
      number.textContent = said === "" ? "" : percent(probability);
      bar.style.width = `${100 * probability}%`;
      row.classList.toggle("lab-true", label !== null && said === label);
      row.toggleAttribute("aria-hidden", said === "");
    });
  }

  paint(pixels) {
    this.pixels = pixels;
    const pen = this.canvas.getContext("2d");
    pen.clearRect(0, 0, 28, 28);
    if (!pixels) return;
    pen.putImageData(grey(bytes(pixels)), 0, 0);
  }
}

class Tiles {
  constructor(root) {
    this.root = root;
    this.shown = [];
  }

  update({ tiles, row, name }) {
    while (this.shown.length > tiles.length) this.shown.pop().node.remove();
    while (this.shown.length < tiles.length) this.root.append(this.shown[this.shown.push(new Tile()) - 1].node);
    this.root.classList.toggle("lab-in-a-row", row);
    this.fill(tiles);
    follow(name, this.root, (content) => this.fill(content)); // the same tiles, with other content
  }

  fill(tiles) {
    tiles.forEach((tile, place) => this.shown[place].fill(tile));
  }
}

export default function ({ parentElement, data }) {
  keeper(parentElement, ".lab-tiles", Tiles).update(data);
}
