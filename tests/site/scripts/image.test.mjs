import assert from "node:assert/strict";
import test from "node:test";
import { bytes, chips } from "../js/answers/image.js";

test("a data URL becomes the bytes and the type that it holds", async () => {
  const blob = bytes(`data:image/png;base64,${Buffer.from([137, 80, 78, 71, 0, 255]).toString("base64")}`);
  assert.equal(blob.type, "image/png");
  assert.deepEqual([...new Uint8Array(await blob.arrayBuffer())], [137, 80, 78, 71, 0, 255]);
});

test("a picture is spoken of with the page's own buttons, or not at all", () => {
  assert.deepEqual(chips({ feedback: [{ kind: "rate" }] }), []);
  assert.equal(chips({ feedback: [{ kind: "choose" }] }), null);
  assert.equal(chips({}), null);
});
