import assert from "node:assert/strict";
import test from "node:test";
import { fit } from "../js/photo.js";

test("a photo is shrunk to the long side and never grown", () => {
  assert.deepEqual(fit(4000, 3000, 1280), [1280, 960]);
  assert.deepEqual(fit(3000, 4000, 1280), [960, 1280]);
  assert.deepEqual(fit(96, 96, 1280), [96, 96]);
  assert.deepEqual(fit(9000, 2, 1280), [1280, 1]);
});
