import assert from "node:assert/strict";
import test from "node:test";
import { buys } from "../js/buy.js";

const json = (status, body) => new Response(JSON.stringify(body), { status, headers: { "Content-Type": "application/json" } });

/** Taps a button whose house answers so: where the browser went, what was told, what the house was asked, the button. */
async function tapped(answer) {
  const went = [], told = [], asked = [];
  Object.assign(globalThis, {
    location: { assign: (url) => went.push(url) },
    addEventListener: () => {},
    fetch: async (path, { body }) => (asked.push([path, JSON.parse(body)]), answer),
  });
  const button = { disabled: false, addEventListener: (_, tap) => (button.tap = tap) };
  buys(button, "tea", (words) => told.push(words));
  await button.tap();
  return { went, told, asked, button };
}

test("one tap leads to the till that the house names, and the house is told the app alone", async () => {
  for (const url of ["/pay/order-1", "https://checkout.example/c/pay/order-1"]) {
    const { went, asked, button } = await tapped(json(201, { url, order: "order-1" }));
    assert.deepEqual(went, [url]);
    assert.deepEqual(asked, [["/api/checkouts", { app: "tea" }]]);
    assert.equal(button.disabled, true, "until the page is gone");
  }
});

test("who can not buy is told why, and may try again", async () => {
  const { went, told, button } = await tapped(json(503, { error: { code: "not-ready", what: "No.", do_next: "Later." } }));
  assert.deepEqual([went, told, button.disabled], [[], ["No. Later."], false]);
});
