// A trained net as plain arithmetic. What goes from layer to layer: {shape: [C, H, W] or [F], values}.
// Layers and weights come as a checkpoint has them: fields as in torch, weights by their names.

const pair = (value) => (Array.isArray(value) ? value : [value, value]);
const each = (formula) => (layer, x) => ({ shape: x.shape, values: x.values.map((value) => formula(value, layer)) });
const same = (layer, x) => x;
const sigmoid = (x) => 1 / (1 + Math.exp(-x));

/** The error function by its series without alternating signs, so that nothing cancels out. */
function erf(x) {
  if (Math.abs(x) > 6) return Math.sign(x);
  let term = (2 / Math.sqrt(Math.PI)) * Math.exp(-x * x) * x;
  let sum = term;
  for (let n = 1; Math.abs(term) > 1e-17; n++) sum += term *= (2 * x * x) / (2 * n + 1);
  return sum;
}

function gelu(x, { approximate }) {
  if (approximate === "none") return 0.5 * x * (1 + erf(x / Math.SQRT2));
  return 0.5 * x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3)));
}

/** How many places a window of `reach` pixels has along a side. */
const places = (side, reach, stride, padding) => Math.floor((side + 2 * padding - reach) / stride) + 1;

function conv2d(layer, x, { weight, bias }) {
  const [channels, height, width] = x.shape;
  const [tall, wide] = pair(layer.kernel_size);
  const [stride, padding, dilation] = [layer.stride, layer.padding, layer.dilation].map(pair);
  const rows = places(height, dilation[0] * (tall - 1) + 1, stride[0], padding[0]);
  const columns = places(width, dilation[1] * (wide - 1) + 1, stride[1], padding[1]);
  const [ins, outs] = [channels / layer.groups, layer.out_channels / layer.groups];
  const [source, target] = [x.values, new Float64Array(layer.out_channels * rows * columns)];
  for (let out = 0; out < layer.out_channels; out++) {
    const map = out * rows * columns;
    if (bias) target.fill(bias[out], map, map + rows * columns);
    for (let tap = 0; tap < ins * tall * wide; tap++) {
      const factor = weight[out * ins * tall * wide + tap];
      const channel = Math.floor(out / outs) * ins + Math.floor(tap / (tall * wide));
      const down = (Math.floor(tap / wide) % tall) * dilation[0] - padding[0];
      const across = (tap % wide) * dilation[1] - padding[1];
      const first = Math.max(0, Math.ceil(-across / stride[1]));
      const end = Math.min(columns, Math.ceil((width - across) / stride[1]));
      for (let row = 0; row < rows; row++) {
        const y = row * stride[0] + down;
        if (y < 0 || y >= height) continue;
        const line = (channel * height + y) * width + across;
        for (let column = first; column < end; column++) {
          target[map + row * columns + column] += factor * source[line + column * stride[1]];
        }
      }
    }
  }
  return { shape: [layer.out_channels, rows, columns], values: target };
}

/** `reduce(values, area)` of each window: its values within the map, and its area within map and padding. */
const pool = (reduce) => (layer, x) => {
  const [channels, ...sides] = x.shape;
  const kernel = pair(layer.kernel_size);
  const stride = pair(layer.stride ?? layer.kernel_size);
  const [padding, dilation] = [layer.padding, layer.dilation ?? 1].map(pair);
  const [rows, columns] = sides.map((side, axis) => {
    const reach = dilation[axis] * (kernel[axis] - 1) + 1;
    const spare = layer.ceil_mode ? stride[axis] - 1 : 0;
    const count = places(side + spare, reach, stride[axis], padding[axis]);
    const beyond = (count - 1) * stride[axis] >= side + padding[axis]; // no window starts beyond the map
    return layer.ceil_mode && beyond ? count - 1 : count;
  });
  const along = (place, axis) => {
    const start = place * stride[axis] - padding[axis];
    const taps = [...Array(kernel[axis]).keys()].map((tap) => start + tap * dilation[axis]);
    const end = Math.min(start + kernel[axis], sides[axis] + padding[axis]);
    return { inside: taps.filter((at) => at >= 0 && at < sides[axis]), length: end - start };
  };
  const down = [...Array(rows).keys()].map((row) => along(row, 0));
  const across = [...Array(columns).keys()].map((column) => along(column, 1));
  const values = [];
  for (let channel = 0; channel < channels; channel++) {
    for (const vertical of down) {
      for (const horizontal of across) {
        const found = [];
        for (const y of vertical.inside) {
          for (const z of horizontal.inside) found.push(x.values[(channel * sides[0] + y) * sides[1] + z]);
        }
        values.push(reduce(found, vertical.length * horizontal.length, layer));
      }
    }
  }
  return { shape: [channels, rows, columns], values: Float64Array.from(values) };
};

const largest = (values) => values.reduce((a, b) => Math.max(a, b));
const mean = (values, area, layer) =>
  values.reduce((a, b) => a + b) / (layer.count_include_pad ? area : values.length);

function globalAvgPool2d(layer, x) {
  const [channels, area] = [x.shape[0], x.shape[1] * x.shape[2]];
  const means = Float64Array.from({ length: channels }, (_, channel) => {
    let sum = 0;
    for (let i = channel * area; i < (channel + 1) * area; i++) sum += x.values[i];
    return sum / area;
  });
  return { shape: [channels, 1, 1], values: means };
}

function linear(layer, x, { weight, bias }) {
  const values = Float64Array.from({ length: layer.out_features }, (_, out) => {
    let sum = bias ? bias[out] : 0;
    for (let i = 0; i < x.values.length; i++) sum += weight[out * x.values.length + i] * x.values[i];
    return sum;
  });
  return { shape: [layer.out_features], values };
}

/** Each value times its channel's scale plus its shift, or its own where there are as many as values. */
function scaled(x, scale, shift) {
  if (!scale) return x;
  const share = x.values.length / scale.length;
  return { shape: x.shape, values: x.values.map((v, i) => v * scale[Math.floor(i / share)] + shift[Math.floor(i / share)]) };
}

function batchNorm2d(layer, x, { weight, bias, running_mean, running_var }) {
  const area = x.shape[1] * x.shape[2];
  const values = x.values.map((value, i) => {
    const channel = Math.floor(i / area);
    return (value - running_mean[channel]) / Math.sqrt(running_var[channel] + layer.eps);
  });
  return scaled({ shape: x.shape, values }, weight, bias);
}

/** Group, layer and instance norm: the values of each of so many groups together, then scale and shift. */
const norm = (groups) => (layer, x, { weight, bias }) => {
  const size = x.values.length / groups(layer, x);
  const values = new Float64Array(x.values.length);
  for (let start = 0; start < values.length; start += size) {
    const group = x.values.subarray(start, start + size);
    const middle = group.reduce((a, b) => a + b) / size;
    const variance = group.reduce((sum, value) => sum + (value - middle) ** 2, 0) / size;
    group.forEach((value, i) => { values[start + i] = (value - middle) / Math.sqrt(variance + layer.eps); });
  }
  return scaled({ shape: x.shape, values }, weight, bias);
};

function prelu(layer, x, { weight }) {
  const share = x.values.length / weight.length;
  return { shape: x.shape, values: x.values.map((v, i) => (v > 0 ? v : v * weight[Math.floor(i / share)])) };
}

/** Over the channels, at each place of its own. */
function logSoftmax(layer, x) {
  const values = Float64Array.from(x.values);
  const area = values.length / x.shape[0];
  for (let place = 0; place < area; place++) {
    let [high, sum] = [-Infinity, 0];
    for (let i = place; i < values.length; i += area) high = Math.max(high, values[i]);
    for (let i = place; i < values.length; i += area) sum += Math.exp(values[i] - high);
    for (let i = place; i < values.length; i += area) values[i] -= high + Math.log(sum);
  }
  return { shape: x.shape, values };
}

function residual(layer, x, weights, inside) {
  const branch = inside(layer.layers, x, "branch");
  return { shape: x.shape, values: x.values.map((value, i) => value + branch.values[i]) };
}

function repeat(layer, x, weights, inside) {
  for (let turn = 0; turn < layer.times; turn++) x = inside(layer.layers, x, "body");
  return x;
}

const RULES = {
  conv2d,
  linear,
  prelu,
  residual,
  repeat,
  batch_norm2d: batchNorm2d,
  group_norm: norm((layer) => layer.num_groups),
  layer_norm: norm(() => 1),
  instance_norm: norm((layer, x) => x.shape[0]),
  relu: each((x) => Math.max(0, x)),
  leaky_relu: each((x, layer) => (x > 0 ? x : layer.negative_slope * x)),
  elu: each((x, layer) => (x > 0 ? x : layer.alpha * Math.expm1(x))),
  gelu: each(gelu),
  silu: each((x) => x * sigmoid(x)),
  hardswish: each((x) => (x * Math.min(Math.max(x + 3, 0), 6)) / 6),
  tanh: each(Math.tanh),
  sigmoid: each(sigmoid),
  dropout: same,
  dropout2d: same,
  max_pool2d: pool(largest),
  avg_pool2d: pool(mean),
  global_avg_pool2d: globalAvgPool2d,
  flatten: (layer, x) => ({ shape: [x.values.length], values: x.values }),
  log_softmax: logSoftmax,
};

/** What comes out of layers, the first of which has this number in reading order, from 1. */
function through(layers, x, number, path, weights) {
  for (const layer of layers) {
    if (layer.enabled !== false) {
      const [here, first] = [`${path}${layer.kind}_${number}`, number + 1];
      const inside = (inner, value, name) => through(inner, value, first, `${here}.${name}.`, weights);
      x = RULES[layer.kind](layer, x, weights[here] ?? {}, inside);
    }
    number += count(layer);
  }
  return x;
}
const count = (layer) => 1 + (layer.layers ?? []).reduce((sum, inner) => sum + count(inner), 0);

/** The net in `data`: a function that gives the ten probabilities of a digit, 28·28 grey values in [0, 1]. */
function readNet({ layers, tensors, weights, mean, std }) {
  const bytes = Uint8Array.from(atob(weights), (letter) => letter.charCodeAt(0));
  const numbers = new DataView(bytes.buffer);
  const found = {};
  let at = 0;
  for (const [name, size] of tensors) {
    const dot = name.lastIndexOf(".");
    const values = Float64Array.from({ length: size }, (_, i) => numbers.getFloat32(4 * (at + i), true));
    (found[name.slice(0, dot)] ??= {})[name.slice(dot + 1)] = values;
    at += size;
  }
  return (digit) => {
    const values = Float64Array.from(digit, (grey) => (grey - mean) / std);
    const scores = through(layers, { shape: [1, 28, 28], values }, 1, "", found);
    return [...logSoftmax({}, scores).values].map(Math.exp);
  };
}
