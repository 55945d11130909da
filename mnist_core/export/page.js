// The page: strokes on the canvas, the digit that the net sees, and what it says.

const about = JSON.parse(document.getElementById("about").textContent);
const probabilities = readNet(about);
const byId = (id) => document.getElementById(id);
const [canvas, tile] = [byId("drawing"), byId("digit")];
const pen = canvas.getContext("2d", { willReadFrequently: true });
let strokes = [];

const rows = sequence(10, (digit) => {
  const row = byId("rows").appendChild(document.createElement("div"));
  row.innerHTML = `<span>${digit}</span><div class="track"><div class="bar"></div></div><span class="number"></span>`;
  return row;
});

function percent(value) {
  const text = (100 * value).toFixed(1);
  if (value > 0 && text === "0.0") return "<0.1";
  return value < 1 && text === "100.0" ? ">99.9" : text;
}

function paint() {
  pen.clearRect(0, 0, canvas.width, canvas.height);
  for (const { brush, points } of strokes) {
    pen.lineWidth = brush;
    pen.lineCap = pen.lineJoin = "round";
    pen.strokeStyle = "#fff";
    pen.beginPath();
    pen.moveTo(...points[0]);
    for (const point of points) pen.lineTo(...point);
    pen.stroke();
  }
}

/** The digit on the canvas: its 28·28 grey values, and whether it is one. */
function prepared() {
  const { data, width, height } = pen.getImageData(0, 0, canvas.width, canvas.height);
  const ink = new Float32Array(width * height).map((_, i) => data[4 * i + 3] / 255);
  return prepare(ink, height, width);
}

function answer() {
  const { digit, case: what } = prepared();
  const image = new ImageData(SIDE, SIDE);
  digit.forEach((grey, i) => image.data.fill(Math.round(255 * grey), 4 * i, 4 * i + 3).fill(255, 4 * i + 3, 4 * i + 4));
  tile.getContext("2d").putImageData(image, 0, 0);
  const silent = what !== "digit";
  const said = silent ? sequence(10, () => 0) : probabilities(digit);
  const [first, second] = sequence(10, (i) => i).sort((a, b) => said[b] - said[a]);
  const sure = said[first] >= about.unsure;
  rows.forEach((row, i) => {
    row.classList.toggle("first", !silent && i === first);
    row.querySelector(".bar").style.width = `${100 * said[i]}%`;
    row.querySelector(".number").textContent = silent ? "" : percent(said[i]);
  });
  byId("big").textContent = silent ? "?" : sure ? `${first}` : `${first} or ${second}?`;
  byId("big").className = silent ? "silent" : sure ? "" : "unsure";
  byId("sure").textContent = silent
    ? ""
    : sure ? `${percent(said[first])} %` : `not sure: ${percent(said[first])} and ${percent(said[second])} %`;
  byId("word").textContent = what === "blank" ? "Draw a digit, with the mouse or a finger." : (about.warnings[what] ?? "");
  document.body.dataset.answer = silent ? "" : `${first}`;
}

function place(event) {
  const box = canvas.getBoundingClientRect();
  return [(event.clientX - box.left) * (canvas.width / box.width), (event.clientY - box.top) * (canvas.height / box.height)];
}

let drawing = null; // the stroke that a pen is at, and which pen
canvas.addEventListener("pointerdown", (event) => {
  if (drawing || event.button) return;
  canvas.setPointerCapture(event.pointerId);
  drawing = { pen: event.pointerId, brush: Number(byId("brush").value), points: [place(event)] };
  strokes.push(drawing);
  paint();
});
canvas.addEventListener("pointermove", (event) => {
  if (event.pointerId !== drawing?.pen) return;
  drawing.points.push(place(event));
  paint();
});
for (const end of ["pointerup", "pointercancel"]) {
  canvas.addEventListener(end, (event) => {
    if (event.pointerId !== drawing?.pen) return;
    drawing = null;
    answer();
  });
}

function keep(left) {
  strokes = left;
  paint();
  answer();
}
byId("undo").addEventListener("click", () => keep(strokes.slice(0, -1)));
byId("clear").addEventListener("click", () => keep([]));
answer();

window.lab = { probabilities, prepare, prepared, readNet }; // for whoever wants to ask it from the console
