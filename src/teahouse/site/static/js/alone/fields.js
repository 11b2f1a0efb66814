// What a visitor gives as the model's numbers, and the model's numbers as an answer: spec/fields/ in the browser.

const SEED_SALT = 0x7ea40e5e, PLACE_SALT = 0x9e3779b9;

function mix(x) {
  x = Math.imul(x ^ (x >>> 16), 0x7feb352d);
  x = Math.imul(x ^ (x >>> 15), 0x846ca68b);
  return (x ^ (x >>> 16)) >>> 0;
}

/** The numbers of a seed: float32 [size], the same as everywhere. */
export function normal(seed, size, truncation) {
  const start = mix(seed ^ SEED_SALT), made = new Float32Array(size);
  const share = (i) => (mix(start ^ mix(i ^ PLACE_SALT)) + 0.5) / 2 ** 32;
  for (let k = 0; k < size; k += 2) {
    const far = Math.sqrt(-2 * Math.log(share(k))), turn = 2 * Math.PI * share(k + 1);
    made[k] = far * Math.cos(turn) * truncation;
    if (k + 1 < size) made[k + 1] = far * Math.sin(turn) * truncation;
  }
  return made;
}

/** What a field's value is to the model, as {type, data, dims} with a batch axis of one; photos are pixels.js's. */
export const TENSORS = {
  seed: (value, { size, truncation }) => ({ type: "float32", data: normal(value, size, truncation), dims: [1, size] }),
  number: (value) => ({ type: "float32", data: Float32Array.of(value), dims: [1] }),
  choice: (value, { words }) => ({ type: "int64", data: BigInt64Array.of(BigInt(words.indexOf(value))), dims: [1] }),
  text: (value, { most }) => {
    const data = new BigInt64Array(most);
    [...value.normalize("NFC")].slice(0, most).forEach((letter, i) => (data[i] = BigInt(letter.codePointAt(0))));
    return { type: "int64", data, dims: [1, most] };
  },
};

const six = (x) => Math.round(x * 1e6) / 1e6;

/** Numbers of the model as the answer's JSON; throws where they are none. A picture is made elsewhere. */
export const VALUES = {
  labels(row, { words }) {
    const top = Math.max(...row), parts = Array.from(row, (x) => Math.exp(x - top)), sum = parts.reduce((a, b) => a + b, 0);
    if (row.length !== words.length || !Number.isFinite(sum)) throw new Error("The model's answer is not one number a label.");
    const scores = Object.fromEntries(words.map((word, i) => [word, six(parts[i] / sum)]));
    return { label: words.reduce((best, word) => (scores[word] > scores[best] ? word : best)), scores };
  },
  number(row, { low, high }) {
    if (row.length !== 1 || !Number.isFinite(row[0])) throw new Error("The model's answer is not a number.");
    return { number: Number(Math.min(Math.max(row[0], low), high).toPrecision(7)) };
  },
  text(row) {
    const letters = [];
    for (const number of row) {
      const point = Math.round(Number(number));
      if (!point) break;
      const letter = point > 0 && point < 0x110000 ? String.fromCodePoint(point) : "\ufffd";
      letters.push(point === 10 || !/[\p{Cc}\p{Cs}]/u.test(letter) ? letter : "\ufffd");
    }
    return { text: letters.join("").normalize("NFC") };
  },
};
