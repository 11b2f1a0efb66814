import assert from "node:assert/strict";
import test from "node:test";
import { till } from "../js/buy.js";

test("the test till is found under the name that the browser has for the site, a real one where it is", () => {
  globalThis.location = { href: "http://192.168.1.7:8360/tea" };
  assert.equal(till({ url: "http://127.0.0.1:8360/pay/order-1", order: "order-1" }), "/pay/order-1");
  const real = "https://checkout.example/c/pay/order-1";
  assert.equal(till({ url: real, order: "order-1" }), real);
});
