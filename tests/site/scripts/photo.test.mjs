import assert from "node:assert/strict";
import test from "node:test";
import { fit, plain } from "../js/photo.js";

test("a photo is shrunk to the long side and never grown", () => {
  assert.deepEqual(fit(4000, 3000, 1280), [1280, 960]);
  assert.deepEqual(fit(3000, 4000, 1280), [960, 1280]);
  assert.deepEqual(fit(96, 96, 1280), [96, 96]);
  assert.deepEqual(fit(9000, 2, 1280), [1280, 1]);
});

const jpeg = (...segments) => new Uint8Array([0xff, 0xd8, ...segments.flatMap(([kind, ...inside]) => [0xff, kind, 0, inside.length + 2, ...inside]), 0xff, 0xda, 0, 2, 1, 2, 3, 0xff, 0xd9]);

test("a JPEG goes as it is only where it holds a picture and nothing else", () => {
  const jfif = [0xe0, 74, 70], table = [0xdb, 1, 2], frame = [0xc0, 8, 1];
  assert.equal(plain(jpeg(jfif, table, frame)), true);
  for (const more of [0xe1, 0xe2, 0xed, 0xee, 0xfe]) assert.equal(plain(jpeg(jfif, [more, 1, 2, 3], table, frame)), false);
  assert.equal(plain(new Uint8Array([...jpeg(jfif, table), 1])), false, "what comes after the picture may be anything");
  assert.equal(plain(jpeg(jfif).slice(0, 9)), false);
  assert.equal(plain(new Uint8Array([0x89, 80, 78, 71])), false);
});
