import assert from "node:assert/strict";
import test from "node:test";
import { chips, percent, spoken, sure } from "../js/answers/labels.js";

const scores = { bee: 0.6, wasp: 0.2, ant: 0.1, moth: 0.05, fly: 0.03, beetle: 0.015, spider: 0.005 };

const said = (chips) => chips.filter((chip) => chip.said).map((chip) => chip.said.value);

test("two labels are two taps, yes first, and neither", async () => {
  const answer = { receipt: "r", output: { label: "green", scores: { green: 0.9, oolong: 0.1 } } };
  assert.deepEqual(await chips(answer, { labels: ["green", "oolong"] }), [
    { words: "Yes", said: { kind: "agree", value: true } },
    { words: "It was oolong", said: { kind: "correct", value: "oolong" } },
    { words: "Neither", quiet: true, said: { kind: "agree", value: false } },
  ]);
});

test("of many labels the likeliest are chips and the rest a list", async () => {
  const all = await chips({ receipt: "r", output: { label: "bee", scores } }, { labels: Object.keys(scores) });
  assert.deepEqual(said(all), [true, "wasp", "ant", "moth", "fly", "beetle"]);
  assert.equal(typeof all.at(-1), "function");
  const six = await chips({ receipt: "r", output: { label: "bee", scores } }, { labels: Object.keys(scores).slice(0, 5) });
  assert.deepEqual(said(six), [true, "wasp", "ant", "moth", "fly"]);
});

test("of what it has never seen nothing may be right", async () => {
  const labels = Object.keys(scores).slice(0, 3);
  assert.deepEqual(said(await chips({ receipt: "r", familiar: false, output: { label: "bee", scores } }, { labels })).at(-1), false);
  assert.deepEqual(said(await chips({ receipt: "r", familiar: true, output: { label: "bee", scores } }, { labels })).at(-1), "ant");
});

test("where it is only a guess it asks what it is, its own guess among the words", async () => {
  const answer = { receipt: "r", confidence: 0.52, output: { label: "green", scores: { green: 0.52, oolong: 0.48 } } };
  const found = await chips(answer, { labels: ["green", "oolong"] });
  assert.equal(found.question, "I am unsure about this one: what is it?");
  assert.deepEqual([...found], [
    { words: "Green", said: { kind: "agree", value: true } },
    { words: "Oolong", said: { kind: "correct", value: "oolong" } },
    { words: "Neither", quiet: true, said: { kind: "agree", value: false } },
  ]);
  const strange = await chips({ receipt: "r", confidence: 0.9, familiar: false, output: { label: "bee", scores } }, { labels: Object.keys(scores) });
  assert.equal(strange.question, found.question);
  assert.deepEqual(said(strange), [true, "wasp", "ant", "moth", "fly", "beetle", false]);
  assert.equal((await chips({ ...answer, confidence: 0.7 }, { labels: ["green", "oolong"] })).question, undefined);
});

test("of an answer without a receipt nothing can be said", async () => {
  assert.equal(await chips({ output: { label: "bee", scores } }, { labels: Object.keys(scores) }), null);
});

test("confidence in words and figures is never rounded to certainty", () => {
  const list = [[0.97, "quite sure"], [0.6, "I think so"], [0, "only a guess"]];
  assert.equal(sure(0.97, list), "quite sure");
  assert.equal(sure(0.2, list), "only a guess");
  assert.deepEqual([1, 0.999, 0.5, 0.001, 0].map(percent), ["100 %", "99 %", "50 %", "< 1 %", "0 %"]);
  assert.equal(spoken("hover_fly"), "Hover fly");
});
