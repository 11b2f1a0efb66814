// Asked by test_kept.py: what a page that stands alone keeps in a browser, with a browser's stores made of maps.

import assert from "node:assert";
import { tidy } from "./js/alone/kept.js";

const at = "https://me.github.io/tea/";
const [old, now, engine, others, page] = [`${at}model/000000000000.onnx`, `${at}model/111111111111.onnx`, `${at}engine/222222222222/ort.wasm.gz`, "https://me.github.io/oils/model/000000000000.onnx", `${at}oils/model/000000000000.onnx`];
const kept = new Set([old, now, engine, others, page]);
globalThis.caches = { open: async () => ({ keys: async () => [...kept].map((url) => ({ url })), delete: async (url) => kept.delete(url) }) };
await tidy(`${at}index.html?x#1`, [now, engine]);
assert.deepEqual([...kept], [now, engine, others, page]);
delete globalThis.caches; // on plain http there is none
await tidy(at, [now]);

const store = new Map();
globalThis.localStorage = { getItem: (key) => store.get(key) ?? null, setItem: (key, value) => store.set(key, value) };
globalThis.dispatchEvent = () => {};
const words = await import("./js/alone/words.js");
const word = { id: "1", at: "", inputs: {}, output: { label: "warm" }, said: { kind: "agree", value: true } };
for (const [pathname, count] of [["/tea/", 1], ["/oils/", 1], ["/tea/index.html", 2]]) {
  globalThis.location = { pathname };
  words.open("tea");
  words.add({ ...word, id: pathname });
  assert.equal(words.all().length, count, pathname);
}
assert.equal(store.size, 2);
assert.match(words.issue("https://github.com/me/tea", "Tea"), /agree%3A\+warm/);
assert.match(words.THANKS.join(" "), /other pages of this address could read it/);
