class Line {
  constructor(root) {
    this.bold = make("strong");
    this.text = make("span");
    this.bar = make("i");
    this.track = make("div", "", this.bar);
    this.track.setAttribute("role", "progressbar");
    root.append(make("p", "", this.bold, this.text), this.track);
  }

  show({ text, share, bold }) {
    this.bold.textContent = bold;
    this.text.textContent = text;
    this.track.hidden = share === null;
    if (share === null) return;
    this.bar.style.width = `${100 * share}%`;
    this.track.ariaValueNow = Math.round(100 * share);
    this.track.ariaLabel = text;
  }
}

export default function ({ parentElement, data }) {
  const line = keeper(parentElement, ".lab-line", Line);
  line.show(data);
  follow(data.name, parentElement, (shown) => line.show(shown));
}
