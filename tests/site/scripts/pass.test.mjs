import assert from "node:assert/strict";
import test from "node:test";
import { arrived, codeOf } from "../js/pass.js";

const told = (state) => ({ passes: [{ orders: [{ order: "order-0", state: "paid" }] }, { orders: [{ order: "order-1", state }] }] });
const now = async () => {};

test("it looks until the order is paid, and over a look that failed", async () => {
  const looks = [told("ordered"), null, { passes: [] }, told("pending"), told("paid")];
  const look = async () => looks.shift() ?? Promise.reject(new Error("away"));
  assert.equal(await arrived("order-1", look, now), "paid");
  assert.equal(looks.length, 0);
});

test("it says how it ended also where nothing was paid", async () => {
  assert.equal(await arrived("order-1", async () => told("failed"), now), "failed");
});

test("after a minute it gives up, and credits nothing", async () => {
  let looks = 0;
  assert.equal(await arrived("order-1", async () => (looks++, told("ordered")), now), null);
  assert.equal(looks, 30);
});

test("only what can be a code is taken from behind the #", () => {
  assert.equal(codeOf("#7KQ4M-2XW9D-PB3HN-0VTRA"), "7KQ4M-2XW9D-PB3HN-0VTRA");
  for (const other of ["", "#", "#main", "#<b>7KQ4M-2XW9D-PB3HN</b>", `#${"A".repeat(41)}`]) assert.equal(codeOf(other), "");
});
