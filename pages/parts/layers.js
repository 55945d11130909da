// The layer list of the Design page: one line a layer, its fields under the chosen one, problems at their line.
// Python owns the design; this sends edits as {op, …} and draws what comes back. No state of its own but
// the choice of a line and an open menu. Whenever the choice has changed, the field on the digit is told.

const element = (tag, attributes = {}, ...children) => {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (value === true) node.setAttribute(name, "");
    else if (value !== false && value != null) node.setAttribute(name, value);
  }
  node.append(...children.filter((child) => child != null && child !== false));
  return node;
};

const icon = (name) => element("span", { class: "lab-icon", "aria-hidden": "true" }, name);

const button = (label, name, action, more = {}) =>
  element(
    "button",
    {
      type: "button",
      class: "lab-tool",
      "data-focus": `tool ${name}`, // only one line has tools
      title: label,
      "aria-label": label,
      onclick: (event) => {
        event.stopPropagation();
        action();
      },
      ...more,
    },
    icon(name),
  );

const OUTPUT = "output: channels × height × width";
const FIELD = "receptive field in input pixels";

class LayerList {
  constructor(root) {
    this.root = root;
    this.said = element("p", { class: "lab-said", role: "status" });
    this.drawn = element("div");
    root.append(this.said, this.drawn);
    this.selected = null; // number of the chosen layer …
    this.told = null; // … as the field has been told it
    this.open = false; // whether its fields are shown
    this.menu = null; // number of the layer before which the insert menu is open …
    this.filter = ""; // … and what is typed there
    this.pending = []; // edits that the server has not confirmed: of two quick ones it may see the last alone
    this.stamp = 0; // of the last edit; they increase
    this.timers = new Map();
    root.addEventListener("keydown", (event) => this.key(event));
    hear("mnist-lab-show-layer", root, (n) => this.choose(n, false));
  }

  update(data, send) {
    this.data = data;
    this.send = send;
    this.pending = this.pending.filter((event) => event.stamp > data.taken);
    if (this.selected > data.rows.length) this.selected = data.rows.length || null;
    const trouble = data.rows.map((row) => row.problems.length).join();
    const moved = this.selected !== this.told || this.trouble !== trouble;
    this.trouble = trouble;
    this.draw();
    this.say();
    if (moved) this.reveal();
    if (!this.pending.length) window.clearTimeout(this.again);
  }

  edit(event) {
    // Numbers of layers mean the list that is on screen: nothing more is edited until its structure has changed.
    if (this.pending.some((other) => other.op !== "set")) return false;
    this.stamp = Math.max(Date.now(), this.stamp + 1, this.data.taken + 1);
    this.pending.push({ ...event, stamp: this.stamp });
    this.tell();
    if (event.op !== "set") for (const box of this.root.querySelectorAll(".lab-fields input, .lab-fields select")) box.disabled = true;
    return true;
  }

  // Until the server has confirmed them: a connection may break. It makes each but once.
  tell() {
    window.clearTimeout(this.again);
    if (!this.pending.length || !this.root.isConnected) return;
    this.send("edit", this.pending);
    this.again = window.setTimeout(() => this.tell(), 3000);
  }

  choose(n, toggle) {
    this.open = toggle && n === this.selected ? !this.open : toggle || this.open;
    this.selected = n;
    this.draw();
    this.reveal();
  }

  // The chosen layer, with its fields and problems. Scrolls the list alone: the page stays where it is.
  reveal() {
    const item = this.root.querySelector(`[data-n="${this.selected}"]`);
    if (!item) return;
    const list = item.parentElement;
    const first = list.querySelector(".lab-first");
    const covered = first && !item.contains(first) ? first.offsetHeight : 0; // by a problem that stays in sight
    const top = list.getBoundingClientRect().top + list.querySelector(".lab-heads").offsetHeight;
    const bottom = list.getBoundingClientRect().bottom - covered;
    const above = top - item.firstElementChild.getBoundingClientRect().top;
    const below = item.lastElementChild.getBoundingClientRect().bottom - bottom;
    if (above > 0) list.scrollTop -= above;
    else if (below > 0) list.scrollTop += below;
  }

  // Drawing anew must not take the keyboard from whoever is typing.
  draw() {
    const active = this.root.contains(document.activeElement) ? document.activeElement : null;
    const focus = active?.dataset.focus;
    const typed = active?.matches("input:not([type=checkbox])") && this.keeps(active) ? active.value : null;
    const caret = typed === null ? [] : [active.selectionStart, active.selectionEnd];
    const scroll = this.root.querySelector(".lab-rows")?.scrollTop ?? 0;
    const { rows, problems } = this.data;
    const list = element(
      "div",
      { class: "lab-rows", role: "list", "aria-label": "Layers" },
      rows.length > 0 && this.heads(),
      ...(rows.length ? problems : []).map((problem) => this.problem(problem)),
      ...rows.flatMap((row) => [this.menu === row.n && this.insertMenu(row.n), this.row(row)]).filter(Boolean),
      this.menu === rows.length + 1 && this.insertMenu(rows.length + 1),
      rows.length === 0 &&
        element("div", { class: "lab-empty" }, "No layers yet. Add a block below, or pick an experiment above."),
    );
    list.querySelector(".lab-problem")?.classList.add("lab-first");
    this.drawn.replaceChildren(list, this.footer());
    list.scrollTop = scroll;
    if (active) {
      const find = (name) => name && this.root.querySelector(`[data-focus="${CSS.escape(name)}"]`);
      const again = find(focus);
      // What had the keyboard may be gone, a menu or a deleted layer: then the chosen layer has it.
      (again ?? find(`row ${this.selected}`) ?? find("add")).focus({ preventScroll: true });
      if (again && typed !== null) {
        again.value = typed;
        again.setSelectionRange(...caret);
      }
    }
    if (this.selected === this.told) return;
    this.told = this.selected;
    window.dispatchEvent(new CustomEvent("mnist-lab-layer", { detail: this.selected }));
  }

  // What is typed stays as it is typed while it means what the design says, or the design has yet to say it.
  keeps(input) {
    const [what, n, name] = input.dataset.focus?.split(" ") ?? [];
    const row = what === "field" && this.data.rows[n - 1];
    const field = row && this.data.kinds[row.kind].fields.find((one) => one.name === name);
    if (!field || this.pending.length || this.timers.size) return true;
    const value = this.read(input.value, field);
    if (value === undefined) return true;
    const [typed, said] = [[value].flat(), [row.values[name]].flat()];
    return typed.join() === said.join() || new Set([...typed, ...said]).size === 1; // 3×3 is 3
  }

  // Those who cannot see them hear of the problems when they change, not whenever the list is drawn.
  say() {
    const said = this.problems().map((problem) => this.words(problem)).join(" ");
    if (this.said.textContent !== said) this.said.textContent = said;
  }

  problems() {
    const { rows, problems } = this.data;
    return rows.length ? [...problems, ...rows.flatMap((row) => row.problems)] : [];
  }

  words({ layer, message }) {
    return layer ? `Layer ${layer}: ${message}` : message;
  }

  // Those who cannot see them hear from each figure what it is.
  heads() {
    const head = (name, text, title) => element("span", { class: name, title }, text);
    return element(
      "div",
      { class: "lab-heads", "aria-hidden": "true" },
      head("lab-n", "#", "number of the layer"),
      head("", "layer", "kind of the layer; a click opens its fields"),
      head("lab-shape", "output", OUTPUT),
      head("lab-field", "field", FIELD),
      head("lab-params", "params", "trainable numbers; the line under them is their part of the whole design"),
    );
  }

  row(row) {
    const chosen = row.n === this.selected;
    const schema = this.data.kinds[row.kind];
    const line = element(
      "div",
      {
        class: `lab-row lab-${schema.family}${chosen ? " lab-chosen" : ""}${row.enabled ? "" : " lab-off"}`,
        style: `--depth:${row.depth}`,
        onclick: () => {
          this.choose(row.n, true);
          this.root.querySelector(`[data-focus="row ${row.n}"]`)?.focus({ preventScroll: true });
        },
      },
      element("span", { class: "lab-n" }, row.n),
      element(
        "button",
        {
          type: "button",
          class: "lab-kind",
          "data-focus": `row ${row.n}`,
          tabindex: row.n === (this.selected ?? 1) ? 0 : -1, // Tab comes to one row, ↑ and ↓ go to the others
          "aria-expanded": chosen && this.open,
          title: schema.help,
        },
        row.kind,
      ),
      element("span", { class: "lab-summary" }, row.summary),
      element("span", { class: "lab-marks" }, ...row.marks.map((mark) => element("span", { title: mark.help }, mark.text))),
      element("span", { class: "lab-shape", title: OUTPUT }, row.shape ?? "–"),
      element("span", { class: "lab-field", title: FIELD }, row.field ? `${row.field} px` : "–"),
      element(
        "span",
        { class: "lab-params", title: row.params && `${row.params} params, ${row.share} % of the design` },
        element("i", { style: `width:${row.share}%` }),
        row.params ?? "–",
      ),
      chosen && this.tools(row),
    );
    return element(
      "div",
      { class: "lab-item", role: "listitem", "data-n": row.n },
      line,
      chosen && this.open && this.fields(row, schema),
      ...row.problems.map((problem) => this.problem(problem)),
    );
  }

  tools(row) {
    const { n } = row;
    return element(
      "span",
      { class: "lab-tools" },
      button("Move up (Alt+↑)", "arrow_upward", () => this.move(n, -1)),
      button("Move down (Alt+↓)", "arrow_downward", () => this.move(n, 1)),
      button("Insert before (Insert)", "add", () => this.toggleMenu(n)),
      button("Duplicate (Ctrl+D)", "content_copy", () => this.edit({ op: "duplicate", n })),
      button(
        row.enabled ? "Switch off without deleting (O)" : "Switch on (O)",
        row.enabled ? "toggle_on" : "toggle_off",
        () => this.edit({ op: "set", n, field: "enabled", value: !row.enabled }),
        { "data-focus": "tool switch" },
      ),
      button("Delete (Del)", "delete", () => this.edit({ op: "delete", n })),
    );
  }

  fields(row, schema) {
    const boxes = schema.fields.map((field) => this.field(row, field));
    const inside = schema.container && button("Add a layer inside", "add", () => this.edit({ op: "inside", n: row.n, add: "relu" }), {
        "data-focus": "tool inside",
      });
    return element(
      "div",
      { class: "lab-fields", style: `--depth:${row.depth}` },
      element("div", { class: "lab-help" }, schema.help),
      ...boxes,
      inside,
    );
  }

  field(row, field) {
    const id = `lab-${row.n}-${field.name}`;
    const value = row.values[field.name];
    const set = (value) => this.edit({ op: "set", n: row.n, field: field.name, value });
    const common = { id, "data-focus": `field ${row.n} ${field.name}`, title: field.help, name: field.name };
    let input;
    if (field.type === "bool") {
      input = element("input", { ...common, type: "checkbox", checked: value, onchange: (event) => set(event.target.checked) });
    } else if (field.type === "choice") {
      const options = field.options.map((option) => element("option", { selected: option === value }, option));
      input = element("select", { ...common, onchange: (event) => set(event.target.value) }, ...options);
    } else {
      input = element("input", {
        ...common,
        type: "text",
        inputmode: field.type === "float" ? "decimal" : "numeric",
        autocomplete: "off",
        value: value === null ? "" : [value].flat().join("×"),
        placeholder: field.optional ? "as kernel_size" : "",
        oninput: (event) => this.typed(event.target, field, set),
        onkeydown: (event) => this.step(event, field, set),
      });
    }
    return element("label", { for: id, title: field.help }, element("span", {}, field.name), input);
  }

  // 3, 3×1, 0.1 or nothing; what is none of these stays in the box, marked, and changes nothing.
  read(text, field) {
    const clean = text.trim().replace(",", ".");
    if (clean === "" && field.optional) return null;
    const number = field.type === "float" ? Number : (part) => (/^-?\d{1,12}$/.test(part) ? Number(part) : NaN);
    const parts = clean.split(/[×x*]/i).map((part) => (part.trim() === "" ? NaN : number(part.trim())));
    if (parts.some(Number.isNaN) || parts.length > (field.type === "pair" ? 2 : 1)) return undefined;
    return parts.length === 1 ? parts[0] : parts;
  }

  typed(input, field, set) {
    const value = this.read(input.value, field);
    input.setAttribute("aria-invalid", value === undefined);
    window.clearTimeout(this.timers.get(field.name));
    this.timers.delete(field.name);
    if (value === undefined) return;
    const tell = () => {
      this.timers.delete(field.name);
      set(value);
    };
    this.timers.set(field.name, window.setTimeout(tell, 40));
  }

  step(event, field, set) {
    const by = { ArrowUp: 1, ArrowDown: -1 }[event.key];
    if (!by || event.altKey) return;
    const value = this.read(event.target.value, field);
    if (value === undefined || value === null) return;
    event.preventDefault();
    const size = field.type === "float" ? 0.01 : 1;
    const next = [value].flat().map((one) => Math.min(field.high, Math.max(field.low, Number((one + by * size).toFixed(6)))));
    event.target.value = next.join("×");
    set(next.length === 1 ? next[0] : next);
  }

  problem(problem) {
    return element(
      "div",
      { class: "lab-problem" },
      icon("error"),
      element("span", {}, this.words(problem)),
      problem.fix &&
        element(
          "button",
          { type: "button", class: "lab-fix", onclick: () => this.edit({ op: "fix", index: problem.index }) },
          problem.fix,
        ),
    );
  }

  footer() {
    const end = this.data.rows.length + 1;
    const blocks = this.data.shortcuts.map((name) =>
      element(
        "button",
        { type: "button", class: "lab-add", title: this.data.groups[name], onclick: () => this.insert(end, name) },
        name,
      ),
    );
    return element(
      "div",
      { class: "lab-footer" },
      element("span", { class: "lab-plus" }, "Add"),
      ...blocks,
      element(
        "button",
        { type: "button", class: "lab-add", "data-focus": "add", onclick: () => this.toggleMenu(end) },
        "layer…",
      ),
    );
  }

  toggleMenu(n) {
    this.menu = this.menu === n ? null : n;
    this.filter = "";
    this.draw();
    this.root.querySelector('[data-focus="menu"]')?.focus();
  }

  insert(n, add) {
    this.menu = null;
    this.selected = n;
    this.edit({ op: "insert", n, add });
  }

  insertMenu(n) {
    const entries = [
      ...Object.entries(this.data.groups).map(([name, help]) => [name, help, "block"]),
      ...Object.entries(this.data.kinds).map(([name, kind]) => [name, kind.help, kind.family]),
    ];
    const box = element("div", { class: "lab-menu-list" });
    const show = () => {
      const filter = this.filter.toLowerCase();
      const found = entries.filter(([name, help]) => `${name} ${help}`.toLowerCase().includes(filter));
      box.replaceChildren(
        ...found.map(([name, help, family]) =>
          element(
            "button",
            { type: "button", class: `lab-choice lab-${family}`, title: help, onclick: () => this.insert(n, name) },
            name,
          ),
        ),
        ...(found.length ? [] : [element("div", { class: "lab-empty" }, "Nothing has this in its name or its help.")]),
      );
    };
    show();
    const search = element("input", {
      type: "search",
      placeholder: "Insert… type to filter, Enter takes the first",
      "aria-label": "Filter the layers to insert",
      "data-focus": "menu",
      value: this.filter,
      oninput: (event) => {
        this.filter = event.target.value;
        show();
      },
      onkeydown: (event) => {
        event.stopPropagation();
        if (event.key === "Enter") box.querySelector("button")?.click();
        if (event.key === "Escape") this.toggleMenu(n);
      },
    });
    return element("div", { class: "lab-menu" }, search, box);
  }

  // Siblings are the layers of the same container; a move steps over one of them whole.
  move(n, by) {
    const { rows } = this.data;
    const depth = rows[n - 1].depth;
    const after = (index) => {
      let next = index + 1;
      while (next < rows.length && rows[next].depth > depth) next += 1;
      return next;
    };
    let target = null;
    if (by > 0) {
      const next = after(n - 1);
      if (next < rows.length && rows[next].depth === depth) target = after(next) + 1;
    } else {
      let previous = n - 2;
      while (previous >= 0 && rows[previous].depth > depth) previous -= 1;
      if (previous >= 0 && rows[previous].depth === depth) target = previous + 1;
    }
    if (target === null || !this.edit({ op: "move", n, before: target })) return;
    // The choice goes with the layer, and the keyboard if it is on its line.
    this.selected = by > 0 ? target - (after(n - 1) - (n - 1)) : target;
    const active = this.root.contains(document.activeElement) ? document.activeElement : null;
    if (active?.dataset.focus === `row ${n}`) active.dataset.focus = `row ${this.selected}`;
  }

  key(event) {
    const typing = event.target.matches("input, select");
    const control = event.ctrlKey || event.metaKey;
    const n = Number(event.target.closest(".lab-item")?.dataset.n);  // the line that has the keyboard
    const stop = (action) => {
      event.preventDefault();
      event.stopPropagation();
      action();
    };
    if (control && event.key.toLowerCase() === "z" && !typing) return stop(() => this.edit({ op: event.shiftKey ? "redo" : "undo" }));
    if (control && event.key.toLowerCase() === "y" && !typing) return stop(() => this.edit({ op: "redo" }));
    if (event.key === "Escape" && this.menu) return stop(() => this.toggleMenu(this.menu));
    if (typing || !n) return undefined;
    const focusRow = (to) => {
      if (to < 1 || to > this.data.rows.length) return;
      this.choose(to, false);
      this.root.querySelector(`[data-focus="row ${to}"]`)?.focus();
    };
    if (event.altKey && event.key === "ArrowUp") return stop(() => this.move(n, -1));
    if (event.altKey && event.key === "ArrowDown") return stop(() => this.move(n, 1));
    if (event.key === "ArrowUp") return stop(() => focusRow(n - 1));
    if (event.key === "ArrowDown") return stop(() => focusRow(n + 1));
    if (event.key === "Delete") return stop(() => this.edit({ op: "delete", n }));
    if (event.key === "Insert") return stop(() => this.toggleMenu(n));
    if (control && event.key.toLowerCase() === "d") return stop(() => this.edit({ op: "duplicate", n }));
    if (event.key.toLowerCase() === "o" && !control)
      return stop(() => this.edit({ op: "set", n, field: "enabled", value: !this.data.rows[n - 1].enabled }));
    return undefined;
  }
}

export default function ({ data, parentElement, setTriggerValue }) {
  const root = parentElement.querySelector(".lab-layers");
  root.layerList ??= new LayerList(root);
  root.layerList.update(data, setTriggerValue);
}
