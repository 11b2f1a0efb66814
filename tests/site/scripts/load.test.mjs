import assert from "node:assert/strict";
import test from "node:test";
import { steps } from "../js/load.js";

test("a number a second is a step, and the most reaches the top", () => {
  assert.equal(steps([0, 2, 1], 2), "M0 134V134.0H240.0V8.0H480.0V71.0H720.0V134Z");
});

test("where nothing happened there is no line", () => {
  assert.equal(steps([0, 0], 1), "");
  assert.equal(steps([], 1), "");
});
