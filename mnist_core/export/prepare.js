// A drawing becomes a digit the way MNIST was made: the same steps and limits as the lab's own preparation.

const [SIDE, FITTED, CENTRE, EDGE] = [28, 20, 14, 0.04];
const LABEL_SIDE = 192; // pixels; larger drawings are searched for pieces on a smaller copy

/** To the nearest whole number, halves to the even one. */
const round = (x) => (Math.abs(x % 1) === 0.5 ? 2 * Math.round(x / 2) : Math.round(x));
const total = (values) => values.reduce((a, b) => a + b, 0);
const sequence = (length, from) => Array.from({ length }, (_, i) => from(i));

/**
 * `ink` are height · width values in [0, 1], 0 paper, 1 ink. Gives the digit, 28·28 values in [0, 1], and its case:
 * "digit", "blank", "dot", "border", "two digits" or "clutter".
 */
function prepare(ink, height, width) {
  const picture = sequence(height, (row) => ink.subarray(row * width, (row + 1) * width));
  const box = boxAround(picture);
  const digit = new Float32Array(SIDE * SIDE);
  if (!box) return { digit, case: "blank" };
  const inside = picture.slice(box.top, box.bottom).map((row) => row.slice(box.left, box.right));
  const shrink = FITTED / Math.max(inside.length, inside[0].length);
  const [high, wide] = [inside, inside[0]].map((side) => Math.max(1, round(side.length * shrink)));
  const means = areaAverage(inside, high, wide).map((row) => row.map(Math.fround));
  const brightest = Math.max(...means.flat());
  const fitted = means.map((row) => row.map((value) => Math.fround(value / brightest)));
  const top = centred(fitted.map(total));
  const left = centred(sequence(wide, (column) => total(fitted.map((row) => row[column]))));
  fitted.forEach((row, y) => row.forEach((value, x) => { digit[(top + y) * SIDE + left + x] = value; }));
  return { digit, case: caseOf(picture, inside) };
}

/** Around the ink, ends exclusive; null where there is none. */
function boxAround(picture) {
  const rows = picture.map((row) => row.reduce((a, b) => Math.max(a, b)));
  const columns = sequence(picture[0].length, (x) => picture.reduce((most, row) => Math.max(most, row[x]), 0));
  if (Math.max(...rows) <= EDGE) return null;
  const longer = Math.max(...[rows, columns].map((profile) => profile.filter((value) => value > EDGE).length));
  const reach = Math.max(1, Math.floor(longer / (FITTED + 2)));
  const last = (profile) => profile.length - first([...profile].reverse(), reach);
  return { top: first(rows, reach), bottom: last(rows), left: first(columns, reach), right: last(columns) };
}

/** Where ink begins: a blurred edge begins half-way up to what is seen one digit's pixel further in. */
function first(profile, reach) {
  const start = profile.findIndex((value) => value > EDGE);
  const near = profile.slice(start, start + reach);
  const half = Math.max(...near) / 2;
  return start + near.findIndex((value) => value >= half);
}

/** Every new pixel is the mean of the area that it covers. */
function areaAverage(rows, height, width) {
  const transposed = (lines) => sequence(lines[0].length, (x) => lines.map((line) => line[x]));
  return transposed(averaged(transposed(averaged(rows, height)), width));
}

/** The means of so many equal strips of the rows, from the sums of all rows above each strip's edge. */
function averaged(rows, count) {
  const above = [sequence(rows[0].length, () => 0)];
  for (const row of rows) above.push(above.at(-1).map((sum, x) => sum + row[x]));
  const edges = sequence(count + 1, (i) => (i * rows.length) / count).map((edge) => {
    const whole = Math.min(Math.floor(edge), rows.length - 1);
    return above[whole].map((sum, x) => sum + (edge - whole) * rows[whole][x]);
  });
  return sequence(count, (i) => edges[i].map((sum, x) => (edges[i + 1][x] - sum) * (count / rows.length)));
}

/** Where a line of these masses starts if its centre of mass is to be at the centre, all of it inside. */
function centred(masses) {
  const centroid = total(masses.map((mass, i) => mass * i)) / total(masses);
  return Math.min(Math.max(CENTRE - round(centroid), 0), SIDE - masses.length);
}

function caseOf(picture, inside) {
  const pieces = piecesOf(picture.map((row) => row.map((value) => value > 0.3)));
  if (!pieces.length) return "digit";
  const main = pieces.filter((piece) => piece.area >= 0.03 * pieces[0].area);
  if (main.length > 6) return "clutter";
  if (isCut(picture)) return "border";
  if (main.length === 1 && isDot(inside)) return "dot";
  return areTwo(main, inside.length) ? "two digits" : "digit";
}

/** A stroke leaves the picture: its ink runs along the edge for most of a stroke's width. */
function isCut(picture) {
  const mask = picture.map((row) => row.map((value) => value > 0.5));
  const sides = [mask[0], mask.at(-1), mask.map((row) => row[0]), mask.map((row) => row.at(-1))];
  const longest = Math.max(...sides.map(longestRun));
  const at = (y, x) => mask[y]?.[x] ?? 0;
  let [area, outline] = [0, 0];
  for (let y = 0; y <= mask.length; y++) {
    for (let x = 0; x <= mask[0].length; x++) {
      area += at(y, x);
      outline += (at(y, x) !== at(y - 1, x)) + (at(y, x) !== at(y, x - 1));
    }
  }
  return longest >= (0.8 * 2 * area) / Math.max((outline * Math.PI) / 4, 1); // the width of a long stroke
}

function longestRun(line) {
  let [longest, run] = [0, 0];
  for (const set of line) longest = Math.max(longest, (run = set ? run + 1 : 0));
  return longest;
}

/** One filled blob about as high as wide: a disc fills π/4 of its box, a thick digit less. */
function isDot(inside) {
  const [height, width] = [inside.length, inside[0].length];
  if (height / width < 0.6 || height / width > 1.6) return false;
  return total(inside.map((row) => total(row))) > 0.7 * (height - 1) * (width - 1);
}

/** Two tall pieces beside each other, those above one another taken together. */
function areTwo(main, height) {
  const groups = [];
  for (const piece of [...main].sort((a, b) => a.left - b.left)) {
    const group = groups.at(-1);
    if (group && piece.left < group.right) {
      group.right = Math.max(group.right, piece.right);
      group.top = Math.min(group.top, piece.top);
      group.bottom = Math.max(group.bottom, piece.bottom);
    } else groups.push({ ...piece });
  }
  return groups.filter((group) => group.bottom - group.top >= 0.6 * height).length > 1;
}

/** The pieces that hang together, corners included, the largest first; lengths in pixels, ends exclusive. */
function piecesOf(mask) {
  const factor = Math.ceil(Math.max(mask.length, mask[0].length) / LABEL_SIDE);
  const [height, width] = [mask.length, mask[0].length].map((side) => Math.ceil(side / factor));
  const open = new Uint8Array(height * width);
  mask.forEach((row, y) => row.forEach((set, x) => {
    if (set) open[Math.floor(y / factor) * width + Math.floor(x / factor)] = 1;
  }));
  const pieces = [];
  for (let start = 0; start < open.length; start++) {
    if (!open[start]) continue;
    const piece = { area: 0, top: Infinity, bottom: 0, left: Infinity, right: 0 };
    const waiting = [start];
    open[start] = 0;
    while (waiting.length) {
      const at = waiting.pop();
      const [y, x] = [Math.floor(at / width), at % width];
      piece.area += factor * factor;
      piece.top = Math.min(piece.top, y * factor);
      piece.left = Math.min(piece.left, x * factor);
      piece.bottom = Math.max(piece.bottom, Math.min((y + 1) * factor, mask.length));
      piece.right = Math.max(piece.right, Math.min((x + 1) * factor, mask[0].length));
      for (let v = Math.max(0, y - 1); v <= Math.min(height - 1, y + 1); v++) {
        for (let u = Math.max(0, x - 1); u <= Math.min(width - 1, x + 1); u++) {
          if (!open[v * width + u]) continue;
          open[v * width + u] = 0;
          waiting.push(v * width + u);
        }
      }
    }
    pieces.push(piece);
  }
  return pieces.sort((a, b) => b.area - a.area);
}
