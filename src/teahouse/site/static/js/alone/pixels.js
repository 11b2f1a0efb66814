// A photo as the model sees it: what spec/media.py's `pixels` makes of it, to the bit where the photo is decoded alike.

const BITS = 22; // of a weight; Pillow computes in whole numbers
const LEAST = 32, EVEN = 4, GREY = 128; // as in spec/media.py

const cubic = (x) => {
  x = Math.abs(x);
  if (x < 1) return (1.5 * x - 2.5) * x * x + 1;
  return x < 2 ? (((x - 5) * x + 8) * x - 4) * -0.5 : 0;
};

/** Python's round: halves go to the even neighbour. */
const round = (x) => (Math.abs(x % 1) === 0.5 ? 2 * Math.round(x / 2) : Math.round(x));

/** For each of `to` places: where its weights begin, and the weights, over `size` places of which `from`..`end` is scaled. */
function weights(size, from, end, to) {
  const scale = Math.fround(end - from) / to, wide = Math.max(scale, 1), reach = 2 * wide;
  return Array.from({ length: to }, (_, i) => {
    const centre = from + (i + 0.5) * scale;
    const first = Math.max(0, Math.trunc(centre - reach + 0.5)), last = Math.min(size, Math.trunc(centre + reach + 0.5));
    const found = Array.from({ length: last - first }, (_, n) => cubic((n + first - centre + 0.5) * (1 / wide)));
    const sum = found.reduce((a, b) => a + b, 0);
    return { first, found: Int32Array.from(found, (w) => { w = sum ? w / sum : w; return Math.trunc((w < 0 ? -0.5 : 0.5) + w * 2 ** BITS); }) };
  });
}

/** One direction: `lines` lines of `size` places, `step` bytes from place to place and `gap` from line to line. */
function pass(given, made, table, lines, [step, gap], [madeStep, madeGap]) {
  for (let line = 0; line < lines; line++) {
    for (let i = 0; i < table.length; i++) {
      const { first, found } = table[i];
      let at = line * gap + first * step, red = 2 ** (BITS - 1), green = red, blue = red;
      for (let n = 0; n < found.length; n++, at += step) {
        const weight = found[n];
        red += given[at] * weight;
        green += given[at + 1] * weight;
        blue += given[at + 2] * weight;
      }
      const to = line * madeGap + i * madeStep;
      made[to] = red >> BITS; // a clamped array cuts off what is over
      made[to + 1] = green >> BITS;
      made[to + 2] = blue >> BITS;
    }
  }
}

const across = ({ width, height, data }, to, from, end) => {
  const made = new Uint8ClampedArray(to * height * 3);
  pass(data, made, weights(width, from, end, to), height, [3, width * 3], [3, to * 3]);
  return { width: to, height, data: made };
};

const along = ({ width, height, data }, to, from, end) => {
  const made = new Uint8ClampedArray(width * to * 3);
  pass(data, made, weights(height, from, end, to), width, [width * 3, 3], [width * 3, 3]);
  return { width, height: to, data: made };
};

/** Pillow's Image.resize(size, BICUBIC, box) of {width, height, data}, three bytes a pixel. */
export function resize(picture, [width, height], box = [0, 0, picture.width, picture.height]) {
  const [left, top, right, bottom] = box.map(Math.fround);
  const passes = [];
  if (picture.width !== width || left || right !== picture.width) passes.push((each) => across(each, width, left, right));
  if (picture.height !== height || top || bottom !== picture.height) passes.push((each) => along(each, height, top, bottom));
  // Each pass rounds and cuts off, so their order shows. Pillow 13 begins with the height where that loses far more.
  if (picture.height > height && picture.height - height > 2 * (picture.width - width)) passes.reverse();
  return passes.reduce((each, next) => next(each), picture);
}

/** Pillow's ImageOps.fit: fills the size, cuts off what is over; with `whole`, what it had been resized to before, its edges too. */
export function crop(picture, size, whole = size[0]) {
  const edge = (1 - size[0] / whole) / 2, cut = (side) => side - 2 * edge * side;
  const width = cut(picture.width), height = cut(picture.height), is = width / height, wanted = size[0] / size[1];
  const [w, h] = is === wanted ? [width, height] : is >= wanted ? [wanted * height, height] : [width, width / wanted];
  const left = edge * picture.width + (width - w) * 0.5, top = edge * picture.height + (height - h) * 0.5;
  return resize(picture, size, [left, top, left + w, top + h]);
}

/** Pillow's ImageOps.pad: all of it, on grey. */
export function pad(picture, size) {
  const is = picture.width / picture.height, wanted = size[0] / size[1];
  const inside = is > wanted ? [size[0], round((picture.height / picture.width) * size[0])] : is < wanted ? [round((picture.width / picture.height) * size[1]), size[1]] : size;
  const small = resize(picture, inside);
  if (small.width === size[0] && small.height === size[1]) return small;
  const made = { width: size[0], height: size[1], data: new Uint8ClampedArray(size[0] * size[1] * 3).fill(GREY) };
  const left = small.width === size[0] ? 0 : round((size[0] - small.width) * 0.5), top = small.width === size[0] ? round((size[1] - small.height) * 0.5) : 0;
  for (let y = 0; y < small.height; y++) made.data.set(small.data.subarray(y * small.width * 3, (y + 1) * small.width * 3), ((y + top) * size[0] + left) * 3);
  return made;
}

/** Its own shape, the longest side at most that of `size`, both sides multiples of four. */
export function keep(picture, size) {
  const scale = Math.min(1, Math.max(...size) / Math.max(picture.width, picture.height));
  return resize(picture, [picture.width, picture.height].map((side) => Math.max(LEAST, Math.floor(round(side * scale) / EVEN) * EVEN)));
}

const FITS = { crop, pad, keep };

/** float32 [3, height, width] RGB 0..1 as {data, dims}, of {width, height, data}. */
export function planes(picture, { size, fit, resize: whole }) {
  const { width, height, data } = FITS[fit](picture, size, whole), area = width * height;
  const made = new Float32Array(3 * area);
  for (let i = 0; i < area; i++) for (let c = 0; c < 3; c++) made[c * area + i] = data[3 * i + c] / 255;
  return { data: made, dims: [1, 3, height, width] };
}

/** By how much a decoder of JPEG may scale while it decodes, as Pillow's `draft` does for `open_image`: 1, 2, 4 or 8. */
export function drafted(width, height, size) {
  const most = Math.min(Math.floor(width / (2 * Math.max(...size))), Math.floor(height / (2 * Math.max(...size))));
  return [8, 4, 2].find((scale) => most >= scale) ?? 1;
}
