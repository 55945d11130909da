// Looks at a run: asks for the parts of the page that follow it and are on the screen, and shows them.
// Python is told when there is news that its script must draw. A tab that is hidden looks at nothing.

const onScreen = ({ root }) => {
  const { top, bottom, width } = root.getBoundingClientRect();
  return root.isConnected && width > 0 && bottom > 0 && top < innerHeight;
};

const renew = (follower, part) => {
  const text = JSON.stringify(part);
  if (!follower || follower.text === text) return;
  follower.text = text;
  follower.show(part);
};

class Pulse {
  constructor(root) {
    this.root = root;
  }

  update(data, tell) {
    this.data = data;
    this.tell = tell;
    this.plan(data.every);
  }

  plan(seconds) {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.look(), 1000 * seconds);
  }

  async look() {
    if (!this.root.isConnected) return;
    const { data } = this;
    let every = data.every;
    try {
      const found = document.hidden ? null : await this.ask(data);
      if (data !== this.data || !this.root.isConnected) return;  // the script has run meanwhile
      if (found) {
        every = found.every;
        for (const [name, part] of Object.entries(found.parts)) renew(followers.get(name), part);
        const epoch = data.epochs !== null && found.epochs !== data.epochs;
        if (found.news !== data.news || epoch || data.waits) this.tell(found.news);
      }
    } catch {
      // The server is not there: the page says so, and the next look finds it when it is back.
    }
    if (data === this.data) this.plan(every);
  }

  async ask({ url, shown, runs, drawing, limit }) {
    const parts = [...followers].filter(([, follower]) => onScreen(follower)).map(([name]) => ["part", name]);
    const query = [["shown", shown], ["drawing", drawing], ["limit", limit], ...runs.map((name) => ["run", name]), ...parts];
    const response = await fetch(`${url}?${new URLSearchParams(query)}`);
    return response.ok ? response.json() : null;
  }
}

export default function ({ parentElement, data, setTriggerValue }) {
  const tell = (news) => setTriggerValue("news", news);
  keeper(parentElement, ".lab-pulse", Pulse).update(data, tell);
}
