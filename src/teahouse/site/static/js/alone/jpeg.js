// JPEG decoded at a half, a quarter or an eighth of its size, to the bit as libjpeg-turbo does it for Pillow's `draft`.
// Baseline files whose colour lies as fine as their light or half as fine, such as browsers write; null for any other.

const ORDER = Uint8Array.of(0, 1, 8, 16, 9, 2, 3, 10, 17, 24, 32, 25, 18, 11, 4, 5, 12, 19, 26, 33, 40, 48, 41, 34, 27, 20, 13, 6, 7, 14, 21, 28, 35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51, 58, 59, 52, 45, 38, 31, 39, 46, 53, 60, 61, 54, 47, 55, 62, 63);
const down = (x, bits) => (x + (1 << (bits - 1))) >> bits;

// One row or column of the transform, 8 numbers in from `at` by `step`, to as many as the block keeps: jidctint.c, jidctred.c.
const LINES = {
  8(t, at, step, bits, out, to, gap) {
    const z = (t[at + 2 * step] + t[at + 6 * step]) * 4433, two = z - t[at + 6 * step] * 15137, three = z + t[at + 2 * step] * 6270;
    const sum = (t[at] + t[at + 4 * step]) * 8192, less = (t[at] - t[at + 4 * step]) * 8192;
    const even = [sum + three, less + two, less - two, sum - three];
    let [a, b, c, d] = [t[at + 7 * step], t[at + 5 * step], t[at + 3 * step], t[at + step]];
    const five = (a + c + b + d) * 9633, one = (a + d) * -7373, mid = (b + c) * -20995, left = (a + c) * -16069 + five, right = (b + d) * -3196 + five;
    a = a * 2446 + one + left;
    b = b * 16819 + mid + right;
    c = c * 25172 + mid + left;
    d = d * 12299 + one + right;
    [d, c, b, a].forEach((odd, i) => {
      out[to + i * gap] = down(even[i] + odd, bits);
      out[to + (7 - i) * gap] = down(even[i] - odd, bits);
    });
  },
  4(t, at, step, bits, out, to, gap) {
    const [a, b, c, d] = [t[at + 7 * step], t[at + 5 * step], t[at + 3 * step], t[at + step]];
    const first = t[at] * 16384, turn = t[at + 2 * step] * 15137 - t[at + 6 * step] * 6270;
    const inner = -1730 * a + 11893 * b - 17799 * c + 8697 * d, outer = -4176 * a - 4926 * b + 7373 * c + 20995 * d;
    out[to] = down(first + turn + outer, bits + 1);
    out[to + 3 * gap] = down(first + turn - outer, bits + 1);
    out[to + gap] = down(first - turn + inner, bits + 1);
    out[to + 2 * gap] = down(first - turn - inner, bits + 1);
  },
  2(t, at, step, bits, out, to, gap) {
    const first = t[at] * 32768, odd = -5906 * t[at + 7 * step] + 6967 * t[at + 5 * step] - 10426 * t[at + 3 * step] + 29692 * t[at + step];
    out[to] = down(first + odd, bits + 2);
    out[to + gap] = down(first - odd, bits + 2);
  },
};
const USED = { 8: [0, 1, 2, 3, 4, 5, 6, 7], 4: [0, 1, 2, 3, 5, 6, 7], 2: [0, 1, 3, 5, 7] }; // columns that the second pass looks at
const work = new Int32Array(64);

/** A block of 64 coefficients as side x side samples into a plane. */
function block(t, side, { plane, stride }, at) {
  if (side === 1) return void (plane[at] = down(t[0], 3) + 128); // a clamped array cuts off what is over
  for (const column of USED[side]) LINES[side](t, column, 8, 11, work, column, 8);
  const row = [];
  for (let y = 0; y < side; y++) {
    LINES[side](work, 8 * y, 1, 18, row, 0, 1);
    for (let x = 0; x < side; x++) plane[at + y * stride + x] = row[x] + 128;
  }
}

/** The codes of a Huffman table by their length: smallest code, how many, and where their symbols begin. */
function table(bytes, at) {
  const counts = bytes.subarray(at, at + 16), symbols = bytes.subarray(at + 16), quick = new Uint16Array(512), long = [];
  let code = 0, n = 0;
  for (let length = 1; length <= 16; length++, code <<= 1) {
    long[length] = { code, count: counts[length - 1], from: n };
    for (let i = 0; i < counts[length - 1]; i++, code++, n++) {
      if (length <= 9) quick.fill((length << 8) | symbols[n], code << (9 - length), (code + 1) << (9 - length));
    }
  }
  return { quick, long, symbols, length: 16 + n };
}

/** The bits of a scan, without the zeros that stand after each 255; past its end only zeros come. */
class Bits {
  constructor(bytes, at) {
    Object.assign(this, { bytes, at, held: 0, count: 0 });
  }

  fill() {
    while (this.count <= 16) {
      let byte = this.bytes[this.at] ?? 0;
      if (byte !== 0xff) this.at += 1;
      else if (this.bytes[this.at + 1] === 0) this.at += 2;
      else byte = 0; // a marker
      this.held = ((this.held << 8) | byte) & 0xffffffff;
      this.count += 8;
    }
  }

  peek(bits) {
    if (this.count < bits) this.fill();
    return (this.held >>> (this.count - bits)) & ((1 << bits) - 1);
  }

  symbol({ quick, long, symbols }) {
    const found = quick[this.peek(9)];
    if (found) {
      this.count -= found >> 8;
      return found & 255;
    }
    for (let length = 10; length <= 16; length++) {
      const { code, count, from } = long[length], at = this.peek(length) - code;
      if (at >= 0 && at < count) {
        this.count -= length;
        return symbols[from + at];
      }
    }
    throw new RangeError("no such code");
  }

  /** A number of so many bits, with its sign. */
  number(bits) {
    if (!bits) return 0;
    const value = this.peek(bits);
    this.count -= bits;
    return value < 1 << (bits - 1) ? value - (1 << bits) + 1 : value;
  }

  restart() {
    this.count = this.held = 0;
    while (!(this.bytes[this.at] === 0xff && this.bytes[this.at + 1] >= 0xd0 && this.bytes[this.at + 1] <= 0xd7)) {
      if (this.at++ > this.bytes.length) throw new RangeError("no marker");
    }
    this.at += 2;
  }
}

/** Everything before the scan: null where the file is of a kind that is not read here. */
function head(bytes) {
  const word = (at) => (bytes[at] << 8) | bytes[at + 1], told = { amounts: [], dc: [], ac: [], every: 0 };
  for (let at = 2; at < bytes.length; ) {
    if (bytes[at] !== 0xff) return null;
    const kind = bytes[at + 1], from = at + 4, end = at + 2 + word(at + 2);
    if (kind === 0xdb) for (let n = from; n < end; n += 65) {
      if (bytes[n] > 3) return null;
      told.amounts[bytes[n]] = bytes.subarray(n + 1, n + 65);
    } else if (kind === 0xc4) for (let n = from; n < end; ) {
      const found = table(bytes, n + 1);
      (bytes[n] >> 4 ? told.ac : told.dc)[bytes[n] & 15] = found;
      n += 1 + found.length;
    } else if (kind === 0xc0) {
      Object.assign(told, { height: word(from + 1), width: word(from + 3) });
      told.parts = Array.from({ length: bytes[from + 5] }, (_, i) => ({ id: bytes[from + 6 + 3 * i], h: bytes[from + 7 + 3 * i] >> 4, v: bytes[from + 7 + 3 * i] & 15, amount: bytes[from + 8 + 3 * i] }));
    } else if (kind > 0xc0 && kind < 0xd0 && kind !== 0xc8 && kind !== 0xcc) return null; // not baseline
    else if (kind === 0xdd) told.every = word(from);
    else if (kind === 0xee) return null; // Adobe's own colours
    else if (kind === 0xda) {
      if (!told.parts || bytes[from] !== told.parts.length) return null;
      told.parts.forEach((part, i) => Object.assign(part, { dc: told.dc[bytes[from + 2 + 2 * i] >> 4], ac: told.ac[bytes[from + 2 + 2 * i] & 15] }));
      return { ...told, scan: end };
    }
    at = end;
  }
  return null;
}

/** Sides of a block of each part, so that none has to be enlarged afterwards; null where one would. */
function sides(parts, least) {
  const [h, v] = [Math.max(...parts.map((each) => each.h)), Math.max(...parts.map((each) => each.v))];
  for (const part of parts) {
    part.side = (least * h) / part.h;
    if (part.side !== (least * v) / part.v || ![1, 2, 4, 8].includes(part.side)) return null;
  }
  return [h, v];
}

function scan({ parts, every, scan: at, width, height }, bytes, [h, v], least) {
  const bits = new Bits(bytes, at), across = Math.ceil(width / (8 * h)), total = across * Math.ceil(height / (8 * v)), t = new Int32Array(64);
  for (const part of parts) {
    part.stride = across * part.h * part.side;
    part.plane = new Uint8ClampedArray((part.stride * total * part.v * part.side) / across);
    part.last = 0;
  }
  for (let n = 0; n < total; n++) {
    if (every && n && n % every === 0) {
      bits.restart();
      for (const part of parts) part.last = 0;
    }
    for (const part of parts) for (let y = 0; y < part.v; y++) for (let x = 0; x < part.h; x++) {
      t.fill(0);
      part.last += bits.number(bits.symbol(part.dc));
      t[0] = part.last * part.table[0];
      for (let k = 1; k < 64; k++) {
        const symbol = bits.symbol(part.ac), size = symbol & 15;
        if (!size && symbol !== 0xf0) break;
        k += symbol >> 4;
        if (size && k < 64) t[ORDER[k]] = bits.number(size) * part.table[k];
      }
      const [column, row] = [(n % across) * part.h + x, Math.floor(n / across) * part.v + y];
      block(t, part.side, part, row * part.side * part.stride + column * part.side);
    }
  }
  return [Math.ceil((width * least) / 8), Math.ceil((height * least) / 8)];
}

/** The picture at 1/`scale` as {width, height, data}, three bytes a pixel; null where it is not read here. */
export function scaled(bytes, scale) {
  const told = head(bytes), least = 8 / scale;
  const most = told && [1, 3].includes(told.parts.length) && sides(told.parts, least);
  if (!most) return null;
  for (const part of told.parts) part.table = told.amounts[part.amount];
  const [width, height] = scan(told, bytes, most, least), [light, blue, red] = told.parts, data = new Uint8ClampedArray(width * height * 3);
  for (let y = 0; y < height; y++) for (let x = 0; x < width; x++) {
    const to = 3 * (y * width + x), at = light.plane[y * light.stride + x];
    if (!blue) {
      data[to] = data[to + 1] = data[to + 2] = at;
      continue;
    }
    const b = blue.plane[y * blue.stride + x] - 128, r = red.plane[y * red.stride + x] - 128;
    data[to] = at + ((91881 * r + 32768) >> 16);
    data[to + 1] = at + ((-22554 * b - 46802 * r + 32768) >> 16);
    data[to + 2] = at + ((116130 * b + 32768) >> 16);
  }
  return { width, height, data };
}
