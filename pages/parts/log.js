class Log {
  constructor(root) {
    this.text = make("pre");
    this.copy = make("button", "", "Copy");
    this.copy.addEventListener("click", () => this.take());
    root.append(this.text, this.copy);
  }

  show({ text, empty }) {
    this.text.textContent = text || empty;
    this.text.className = text ? "" : "lab-empty";
    this.copy.hidden = !text;
  }

  async take() {
    try {
      await navigator.clipboard.writeText(this.text.textContent);
    } catch {
      // Browsers have no clipboard for http from another machine, as in a class; this old way they do.
      window.getSelection().selectAllChildren(this.text);
      document.execCommand("copy");
    }
    this.copy.textContent = "Copied";
    setTimeout(() => { this.copy.textContent = "Copy"; }, 1500);
  }
}

export default function ({ parentElement, data }) {
  const log = keeper(parentElement, ".lab-log", Log);
  log.show(data);
  follow(data.name, parentElement, (shown) => log.show(shown));
}
