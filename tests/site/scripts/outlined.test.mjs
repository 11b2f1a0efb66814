import assert from "node:assert/strict";
import test from "node:test";
import { outlined } from "../js/outlined.js";

const pets = ["cat", "fish"], cat = { label: "cat" };

test("what Enter takes is what the visitor said, else the guess, else nothing", () => {
  assert.equal(outlined({ word: "fish", guess: cat }, pets), "fish");
  assert.equal(outlined({ word: null, guess: cat }, pets), "cat");
  assert.equal(outlined({ guess: null }, pets), null);
  assert.equal(outlined({ word: "fish" }, pets), "fish");
  assert.equal(outlined({ word: "a word that is no label any more", guess: cat }, pets), null);
});

test("nothing is outlined for whom the lot drew, or where visitors differ", () => {
  assert.equal(outlined({ held: true, word: "fish", guess: cat }, pets), null);
  assert.equal(outlined({ word: "fish", guess: cat, like: [{ word: "cat" }] }, pets), null);
  assert.equal(outlined({ guess: cat, like: [{ word: "fish" }, { word: null }] }, pets), "fish");
});

test("where there is nothing to choose from, Enter takes the visitor's word, where there is one", () => {
  assert.equal(outlined({ word: "a line" }, []), "");
  assert.equal(outlined({ guess: { text: "a line" } }, []), null);
});
