import assert from "node:assert/strict";
import test from "node:test";
import { chips, percent, spoken, sure } from "../js/answers/labels.js";

const scores = { bee: 0.6, wasp: 0.2, ant: 0.1, moth: 0.05, fly: 0.03, beetle: 0.015, spider: 0.005 };

test("two labels are two taps, yes first", () => {
  const said = chips({ output: { label: "green", scores: { green: 0.9, oolong: 0.1 } } }, { labels: ["green", "oolong"] });
  assert.deepEqual(said, { first: [{ words: "Yes", kind: "agree", value: true }, { words: "It was oolong", kind: "correct", value: "oolong" }], more: [] });
});

test("of many labels the likeliest are chips and the rest a list; none is lost", () => {
  const said = chips({ output: { label: "bee", scores } }, { labels: Object.keys(scores) });
  assert.deepEqual(said.first.map((c) => c.value), [true, "wasp", "ant", "moth", "fly", "beetle"]);
  assert.deepEqual(said.more.map((c) => c.value), ["spider"]);
});

test("confidence in words and figures is never rounded to certainty", () => {
  const list = [[0.97, "quite sure"], [0.6, "I think so"], [0, "only a guess"]];
  assert.equal(sure(0.97, list), "quite sure");
  assert.equal(sure(0.2, list), "only a guess");
  assert.deepEqual([1, 0.999, 0.5, 0.001, 0].map(percent), ["100 %", "99 %", "50 %", "< 1 %", "0 %"]);
  assert.equal(spoken("hover_fly"), "Hover fly");
});
