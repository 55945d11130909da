class Headline {
  constructor(root) {
    this.root = root;
    this.shown = [];
  }

  show(figures) {
    while (this.shown.length > figures.length) this.shown.pop().node.remove();
    while (this.shown.length < figures.length) this.add();
    figures.forEach(({ label, value, note, help }, place) => {
      const figure = this.shown[place];
      figure.label.textContent = label;
      figure.value.textContent = value;
      figure.note.textContent = note;
      figure.help.textContent = help;
      figure.asks.ariaLabel = `What is “${label}”?`;
    });
  }

  add() {
    const [label, help, value, note] = [make("span"), make("span"), make("strong"), make("span", "lab-note")];
    help.role = "tooltip";
    help.id = `lab-headline-${this.shown.length}`;
    const asks = make("button", "", "?");
    asks.setAttribute("aria-describedby", help.id);
    const node = make("div", "", make("p", "", label, asks, help), value, note);
    this.shown.push({ node, label, asks, help, value, note });
    this.root.append(node);
  }
}

export default function ({ parentElement, data }) {
  const headline = keeper(parentElement, ".lab-headline", Headline);
  headline.show(data.figures);
  follow(data.name, parentElement, (figures) => headline.show(figures));
}
