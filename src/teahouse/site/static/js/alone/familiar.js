// Whether a photo lies outside what a release was trained on: model/familiar.py in the browser, number for number.

const SIDE = 48, NEAREST = 3, NEAR_POWER = 0.3;

const mean = (list) => list.reduce((a, b) => a + b, 0) / list.length;

/** Area means of one plane, height x width, as to x to. */
function shrink(plane, height, width, to) {
  const across = new Float64Array(height * to), made = new Float64Array(to * to);
  const over = (size, i, put) => {
    const from = (i * size) / to, end = ((i + 1) * size) / to;
    for (let at = Math.floor(from); at < Math.min(size, Math.ceil(end)); at++) put(at, (Math.min(end, at + 1) - Math.max(from, at)) / (end - from));
  };
  for (let x = 0; x < to; x++) over(width, x, (at, share) => { for (let y = 0; y < height; y++) across[y * to + x] += plane[y * width + at] * share; });
  for (let y = 0; y < to; y++) over(height, y, (at, share) => { for (let x = 0; x < to; x++) made[y * to + x] += across[at * to + x] * share; });
  return made;
}

const quantiles = (plane, shares) => {
  const ordered = Float64Array.from(plane).sort();
  return shares.map((share) => ordered[Math.trunc(share * (ordered.length - 1))]);
};

function spread(planes) {
  const told = planes.map((plane) => {
    const middle = mean(plane), away = Array.from(plane, (x) => x - middle);
    const deviation = Math.sqrt(mean(away.map((x) => x * x))) + 1e-4;
    return [middle, Math.log(deviation + 0.01), Math.cbrt(mean(away.map((x) => x * x * x)) / deviation ** 3)];
  });
  return [0, 1, 2].flatMap((i) => told.map((each) => each[i]));
}

function edges(planes, size) {
  const inner = size - 2, energy = planes.map(() => new Float64Array(inner * inner)), bends = planes.map(() => 0), directions = new Float64Array(8);
  planes.forEach((plane, c) => {
    for (let y = 1; y <= inner; y++) for (let x = 1; x <= inner; x++) {
      const at = y * size + x, across = plane[at + 1] - plane[at - 1], down = plane[at + size] - plane[at - size], strong = Math.hypot(across, down);
      energy[c][(y - 1) * inner + x - 1] = strong;
      bends[c] += Math.abs(plane[at] * 4 - plane[at + 1] - plane[at - 1] - plane[at + size] - plane[at - size]);
      if (!c) directions[Math.floor((Math.atan2(down, across) + Math.PI) * (8 / Math.PI)) % 8] += strong;
    }
  });
  const by = Array.from(directions, (x) => x / (inner * inner)), total = by.reduce((a, b) => a + b, 0) + 1e-4;
  return [
    ...by.map((x) => x / total).sort((a, b) => a - b),
    ...energy.map((each) => Math.log(mean(each) + 0.003)),
    ...bends.map((x) => Math.log(x / (inner * inner) + 0.003)),
    ...energy.flatMap((each) => quantiles(each, [0.3, 0.6, 0.9])).map((x) => Math.log(x + 0.003)),
    ...energy.flatMap((each) => Array.from(shrink(each, inner, inner, 4), (x) => Math.log(x + 0.005))),
  ];
}

/** A picture, {data: float32 [3, height, width], dims}, as numbers. */
export function describe({ data, dims: [, , height, width] }) {
  const [red, green, blue] = [0, 1, 2].map((c) => shrink(data.subarray(c * height * width, (c + 1) * height * width), height, width, SIDE));
  const light = red.map((r, i) => (r + green[i] + blue[i]) / 3);
  const planes = [light, red.map((r, i) => r - green[i]), red.map((r, i) => (r + green[i]) / 2 - blue[i])];
  const smaller = (to) => (to === SIDE ? planes : planes.map((plane) => shrink(plane, SIDE, SIDE, to)));
  return [
    ...spread(planes),
    ...planes.flatMap((plane) => quantiles(plane, [0.05, 0.25, 0.5, 0.75, 0.95])),
    ...smaller(6).flatMap((plane) => [...plane]),
    ...[48, 24, 12].flatMap((size) => edges(smaller(size), size)),
  ];
}

function half(bits) {
  const sign = bits & 0x8000 ? -1 : 1, power = (bits >> 10) & 31, rest = bits & 1023;
  return sign * (power ? 2 ** (power - 15) * (1 + rest / 1024) : 2 ** -14 * (rest / 1024));
}

/** The tensors of a safetensors file by name, as flat arrays of numbers. */
export function tensors(buffer) {
  const length = Number(new DataView(buffer).getBigUint64(0, true));
  const header = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 8, length)));
  return Object.fromEntries(Object.entries(header).filter(([name]) => name !== "__metadata__").map(([name, { dtype, data_offsets: [from, end] }]) => {
    const bytes = buffer.slice(8 + length + from, 8 + length + end);
    return [name, dtype === "F16" ? Float32Array.from(new Uint16Array(bytes), half) : new Float32Array(bytes)];
  }));
}

/** How far a picture lies from what the release knows; compare with its threshold. */
export function distance(known, picture) {
  if (!known.axes) return 0;
  const z = describe(picture).map((x, i) => (x - known.mean[i]) / known.scale[i]), count = known.spread.length;
  const inside = Array.from(known.spread, (_, k) => z.reduce((sum, x, i) => sum + known.axes[k * z.length + i] * x, 0));
  const outside = z.reduce((sum, x) => sum + x * x, 0) - inside.reduce((sum, x, k) => sum + x * x * known.spread[k], 0);
  const off = Array.from({ length: known.rows.length / count }, (_, row) => inside.reduce((sum, x, k) => sum + (known.rows[row * count + k] - x) ** 2, 0)).sort((a, b) => a - b);
  const near = mean(off.slice(0, NEAREST).map(Math.sqrt)) / Math.sqrt(count);
  return Math.sqrt(Math.max(outside, 0) / (known.rest[0] * z.length)) * near ** NEAR_POWER;
}
