import assert from "node:assert/strict";
import test from "node:test";
import { visit } from "../js/visit.js";

test("where the browser keeps nothing, the page remembers for itself", () => {
  globalThis.sessionStorage = { getItem: () => { throw new Error("forbidden"); }, setItem: () => { throw new Error("forbidden"); } };
  assert.equal(visit("pairs"), undefined);
  visit("pairs", [2, 1, 2]);
  assert.deepEqual(visit("pairs"), [2, 1, 2]);
});
