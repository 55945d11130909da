// The confusion matrix as a table that is filled in place. Mouse, finger, or arrow keys and Enter choose a cell.

const [LEAST, MOST] = [0.1, 0.55]; // of the colour behind a count: the text stays readable on all of it
const DIGITS = [...Array(10).keys()];
const heading = (text, scope, title = "") => {
  const node = make("th", "", text);
  node.scope = scope;
  if (title) node.title = title;
  return node;
};

class Matrix {
  constructor(root) {
    this.at = [0, 0]; // where the keyboard is
    this.cells = DIGITS.map((row) => DIGITS.map((column) => this.cell(row, column)));
    this.shares = DIGITS.map(() => make("td", "lab-share"));
    const body = DIGITS.map((digit) =>
      make("tr", "", heading(`${digit}`, "row"), ...this.cells[digit], this.shares[digit]),
    );
    const share = heading("right", "col", "Share of this digit's images that are named right");
    share.className = "lab-share";
    this.table = make(
      "table",
      "",
      make(
        "thead",
        "",
        make("tr", "", make("td"), make("th", "lab-axis", "the net says"), make("td", "lab-share")),
        make("tr", "", heading("is", "col"), ...DIGITS.map((digit) => heading(`${digit}`, "col")), share),
      ),
      make("tbody", "", ...body),
    );
    this.table.querySelector(".lab-axis").colSpan = 10;
    this.table.setAttribute("role", "grid");
    this.table.setAttribute("aria-label", "Confusion matrix: true digits in rows, what the net says in columns");
    this.table.addEventListener("keydown", (event) => this.key(event));
    root.append(this.table);
  }

  cell(row, column) {
    const node = make("td", row === column ? "lab-right" : "lab-wrong");
    node.setAttribute("role", "gridcell");
    node.addEventListener("click", () => this.choose(row, column));
    return node;
  }

  key(event) {
    const moves = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };
    if (event.key === "Enter" || event.key === " ") this.choose(...this.at);
    else if (moves[event.key]) {
      this.at = this.at.map((place, axis) => clamp(place + moves[event.key][axis], 0, 9));
      this.mark();
      this.cells[this.at[0]][this.at[1]].focus();
    } else return;
    event.preventDefault();
  }

  choose(row, column) {
    this.at = [row, column];
    this.data.cell = [row, column];
    this.mark();
    this.send("cell", [row, column]);
  }

  mark() {
    this.cells.flat().forEach((node) => (node.tabIndex = -1));
    this.cells[this.at[0]][this.at[1]].tabIndex = 0;
    DIGITS.forEach((row) =>
      DIGITS.forEach((column) => {
        const [chosenRow, chosenColumn] = this.data.cell ?? [];
        const chosen = row === chosenRow && column === chosenColumn;
        this.cells[row][column].setAttribute("aria-selected", `${chosen}`);
      }),
    );
  }

  update(data, send) {
    this.send = send;
    if (!this.data && data.cell) this.at = data.cell;
    this.data = { ...data };
    const most = Math.max(1, ...data.counts.flatMap((row, is) => row.filter((_, says) => says !== is)));
    data.counts.forEach((row, is) => {
      const total = row.reduce((sum, count) => sum + count, 0);
      row.forEach((count, says) => {
        const node = this.cells[is][says];
        node.textContent = count.toLocaleString("en");
        const heat = is === says || !count ? 0 : LEAST + (MOST - LEAST) * Math.sqrt(count / most);
        node.style.setProperty("--heat", `${Math.round(100 * heat)}%`);
        node.classList.toggle("lab-none", !count);
        node.setAttribute("aria-label", `is ${is}, the net says ${says}: ${count} images`);
      });
      this.shares[is].textContent = total ? `${((100 * row[is]) / total).toFixed(1)} %` : "–";
    });
    this.mark();
  }
}

export default function ({ parentElement, data, setTriggerValue }) {
  keeper(parentElement, ".lab-confusion", Matrix).update(data, setTriggerValue);
}
