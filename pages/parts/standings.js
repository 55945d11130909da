// [field, heading, what it means, how it is shown]; the class of a cell is its field.
const COLUMNS = [
  ["name", "name", "the design's name", (row) => row.name],
  ["accuracy", "accuracy, %", "of the 10,000 test images, last epoch; the mean where there are several seeds", (row) => row.accuracy.toFixed(2)],
  ["sure", "± or 95 %", "standard deviation over the seeds, or the 95 % interval (Wilson) of a single seed on 10,000 images", (row) => row.sure],
  ["params", "params", "trainable numbers", (row) => row.params.toLocaleString("en-US")],
  ["epochs", "epochs", "passes over the training images", (row) => row.epochs],
  ["best", "best, %", "the best epoch's accuracy; it flatters, as it is picked on the images it is measured on", (row) => row.best === null ? "–" : row.best.toFixed(2)],
  ["kind", "kind", "published: its document's figure; reproduced: trained here as published; shipped: a checkpoint of the lab; yours: your runs", (row) => row.kind],
];
const FALLING = new Set(["accuracy", "best"]);  // what is sorted from the top down at the first click

class Standings {
  constructor(root) {
    this.root = root;
    this.field = "accuracy";
    this.direction = -1;
    this.heads = COLUMNS.map(([field, title, help]) => {
      const button = make("button", "", title);
      button.type = "button";
      button.title = help;
      button.addEventListener("click", () => this.sort(field));
      return make("th", `lab-${field}`, button);
    });
    this.body = make("tbody");
    root.append(make("table", "lab-table", make("thead", "", make("tr", "", ...this.heads)), this.body));
  }

  sort(field) {
    this.direction = field === this.field ? -this.direction : FALLING.has(field) ? -1 : 1;
    this.field = field;
    this.draw();
  }

  update({ rows, chosen }, send) {
    const changed = chosen !== this.chosen;
    this.rows = rows;
    this.chosen = chosen;
    this.send = send;
    this.draw();
    if (changed) this.reveal();
  }

  // Brings the chosen line into the table's box; the page stays where it is.
  reveal() {
    const line = this.body.querySelector(".lab-chosen");
    const { scrollTop, clientHeight } = this.root;
    const hidden = line && (line.offsetTop < scrollTop + line.offsetHeight || line.offsetTop + line.offsetHeight > scrollTop + clientHeight);
    if (hidden) this.root.scrollTop = line.offsetTop - clientHeight / 2;
  }

  compare(a, b) {
    const [x, y] = [a[this.field], b[this.field]];
    if (x === null || y === null) return (x === null) - (y === null);  // what is not known comes last
    const order = typeof x === "number" ? x - y : x.localeCompare(y, "en", { numeric: true });
    return this.direction * order || a.params - b.params;
  }

  draw() {
    const order = this.direction > 0 ? "ascending" : "descending";
    COLUMNS.forEach(([field], i) => this.heads[i].setAttribute("aria-sort", field === this.field ? order : "none"));
    const focused = this.body.contains(document.activeElement) ? document.activeElement.dataset.key : null;
    this.body.replaceChildren(...[...this.rows].sort((a, b) => this.compare(a, b)).map((row) => this.line(row)));
    if (focused) this.body.querySelector(`[data-key="${CSS.escape(focused)}"]`)?.focus({ preventScroll: true });
  }

  line(row) {
    const line = make("tr", row.key === this.chosen ? "lab-chosen" : "");
    for (const [field, , , text] of COLUMNS) {
      const cell = make("td", `lab-${field}`);
      if (field === "name") {
        const button = make("button", "", text(row));
        button.type = "button";
        button.dataset.key = row.key;
        button.setAttribute("aria-pressed", String(row.key === this.chosen));
        const sign = make("i", "", row.sign);
        sign.style.color = `var(${row.color})`;
        sign.title = row.kind;
        cell.append(sign, button);
      } else {
        cell.append(String(text(row)));
      }
      line.append(cell);
    }
    line.addEventListener("click", () => {
      this.send("chosen", row.key);
      document.querySelector(".st-key-chosen")?.scrollIntoView({ block: "nearest", behavior: "smooth" });
    });
    return line;
  }
}

export default function ({ parentElement, data, setTriggerValue }) {
  keeper(parentElement, ".lab-standings", Standings).update(data, setTriggerValue);
}
