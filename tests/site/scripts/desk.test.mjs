import assert from "node:assert/strict";
import test from "node:test";
import { gather } from "../js/curves.js";

test("logged numbers become curves; what only counts does not", () => {
  const curves = new Map([["loss", [[0, 1]]]]);
  const touched = gather(curves, [
    { name: "log", x: 2, numbers: { loss: 0.5, epoch: 1, held_out: 0.9, note: "text" } },
    { name: "phase", x: 3, numbers: { loss: 9 } },
    { name: "log", x: 4, numbers: null },
  ]);
  assert.deepEqual([...touched], ["loss", "held_out"]);
  assert.deepEqual(curves.get("loss"), [[0, 1], [2, 0.5]]);
  assert.deepEqual(curves.get("held_out"), [[2, 0.9]]);
});
