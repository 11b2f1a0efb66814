import assert from "node:assert/strict";
import test from "node:test";
import { asBytes, asText, forget, keep, kept, putBack } from "../js/gave.js";

const stored = new Map();
const storage = { getItem: (name) => stored.get(name) ?? null, setItem: (name, text) => stored.set(name, text), removeItem: (name) => stored.delete(name) };
const root = { querySelectorAll: () => [] };
const photo = (own) => ({ photo: true, own: () => own, value: async () => new Blob([new Uint8Array([255, 0, 7])], { type: "image/jpeg" }), take(file) { this.taken = file; } });

test("bytes come back as they were", () => {
  const bytes = new Uint8Array([0, 1, 127, 128, 255]);
  assert.deepEqual([...asBytes(asText(bytes))], [...bytes]);
});

test("a photo waits until its visitor is back, and is put back once", async () => {
  globalThis.sessionStorage = storage;
  const input = photo(true);
  assert.equal(await keep(root, "tea", { photo: input }), true);
  assert.equal(kept("other"), null);
  assert.equal(putBack(root, "tea", { photo: input }), true);
  assert.equal(input.taken.type, "image/jpeg");
  assert.deepEqual([...new Uint8Array(await input.taken.arrayBuffer())], [255, 0, 7]);
  assert.equal(putBack(root, "tea", { photo: input }), false);
});

test("a sample of the house is nobody's own", async () => {
  globalThis.sessionStorage = storage;
  assert.equal(await keep(root, "tea", { photo: photo(false) }), null);
});

test("what is too large is said to be lost, and nothing older comes back in its place", async () => {
  globalThis.sessionStorage = storage;
  await keep(root, "tea", { photo: photo(true) });
  globalThis.sessionStorage = { ...storage, setItem: () => { throw new Error("full"); } };
  assert.equal(await keep(root, "tea", { photo: photo(true) }), false);
  assert.equal(kept("tea"), null);
});

test("after a day, and where the browser keeps nothing, there is nothing", async () => {
  globalThis.sessionStorage = storage;
  await keep(root, "tea", { photo: photo(true) });
  assert.equal(kept("tea", Date.now() + 25 * 3600 * 1000), null);
  globalThis.sessionStorage = { getItem: () => { throw new Error("forbidden"); }, removeItem: () => { throw new Error("forbidden"); } };
  assert.equal(kept("tea"), null);
  forget("tea");
});
