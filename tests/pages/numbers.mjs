// Run by test_numbers.py: what the page's scripts make of the pictures and numbers that it hands over.
import fs from "node:fs";
import { distance, tensors } from "./js/alone/familiar.js";
import { normal, VALUES } from "./js/alone/fields.js";
import { scaled } from "./js/alone/jpeg.js";
import { drafted, planes } from "./js/alone/pixels.js";
import { pack } from "./js/alone/zip.js";

const asked = JSON.parse(fs.readFileSync("asked.json"));
const read = (name) => new Uint8Array(fs.readFileSync(name));
const write = (name, data) => fs.writeFileSync(name, new Uint8Array(data.buffer, data.byteOffset, data.byteLength));

for (const { file, width, height, size, fit, resize, to } of asked.pictures) write(to, planes({ width, height, data: read(file) }, { size, fit, resize }).data);
for (const { seed, size, truncation, to } of asked.seeds) write(to, normal(seed, size, truncation));
const small = asked.scaled.map(({ file, scale, to }) => {
  const made = scaled(read(file), scale);
  if (made) write(to, made.data);
  return made && [made.width, made.height];
});
const [known] = asked.known.map((file) => tensors(read(file).buffer));
const far = asked.looked.map(({ file, side }) => distance(known, { data: new Float32Array(read(file).buffer), dims: [1, 3, side, side] }));
fs.writeFileSync("words.zip", Buffer.from(await pack([["a/ä.txt", new TextEncoder().encode("hello")], ["b.bin", new Uint8Array(70000).fill(7)]]).arrayBuffer()));
const drafts = asked.drafts.map((each) => drafted(...each));
const values = asked.values.map(({ row, field }) => VALUES[field.kind](Float32Array.from(row), field));
fs.writeFileSync("told.json", JSON.stringify({ small, far, drafts, values }));
