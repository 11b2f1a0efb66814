import assert from "node:assert/strict";
import test from "node:test";

globalThis.window = globalThis;
const { said, when, words } = await import("../js/purse.js");

test("what is left is said as the house says it", () => {
  assert.equal(words({ free: 3, credits: 0 }, 5), "3 free today");
  assert.equal(words({ free: 3, credits: 47 }, 5), "3 free today · 47 left on your pass");
  assert.equal(words({ free: 0, credits: 1204 }, 5), "1,204 left on your pass");
  assert.equal(words({ free: 0, credits: 0 }, 5), "None left today");
  assert.equal(words({ free: 0, credits: 0 }, 0), "Answers come from a pass");
  assert.equal(words({ free: 249, credits: 0 }, 5), "5 free today", "a network's are nobody's own");
});

test("when it begins again is told by the reader's clock", () => {
  const noon = new Date(2026, 4, 4, 12, 0, 0);
  assert.match(when(3 * 3600, noon), /^at .*3.*00/);
  assert.equal(when(12 * 3600, noon), "tomorrow");
  assert.match(when(13 * 3600, noon), /^tomorrow, from .*1.*00/);
  assert.match(when(20 * 86400, noon), /^on .*24/);
});

test("the card says what a day has, and what more costs where something is sold", () => {
  const error = { code: "no-credit", what: "Theirs.", retry_after: undefined };
  assert.deepEqual(said(error, 5, "50 more for 2.00 EUR"), ["That was today's 5 for free.", "Come back tomorrow, or get 50 more for 2.00 EUR."]);
  assert.deepEqual(said(error, 1, ""), ["That was today's free one.", "Come back tomorrow."]);
  assert.deepEqual(said(error, 0, "50 more for 2.00 EUR"), ["Theirs.", "Get 50 more for 2.00 EUR."]);
  const closed = { code: "closed-for-today", what: "Closed for today.", why: "So many came.", retry_after: undefined };
  assert.deepEqual(said(closed, 5, "50 more for 2.00 EUR"), ["Closed for today.", "So many came. It opens again tomorrow."]);
});
