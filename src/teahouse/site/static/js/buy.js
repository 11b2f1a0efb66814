// Buying: one tap leads to the till. What it costs is for the house to say, which is told the app's name alone.

import { call } from "./api.js";

/** Where to pay. The test till is a page of this very site, under whatever name the browser reached it. */
export function till({ url, order }) {
  const path = `/pay/${order}`;
  return new URL(url, location.href).pathname === path ? path : url;
}

/** Lets a button buy answers of `app`; `tell` says why it could not. */
export function buys(button, app, tell) {
  button.addEventListener("click", async () => {
    button.disabled = true;
    try {
      location.assign(till(await call("/api/checkouts", { method: "POST", body: { app } })));
    } catch (error) {
      tell(`${error.what} ${error.do_next ?? ""}`);
      button.disabled = false;
    }
  });
  // who comes back from the till with the browser's own arrow finds the page as they left it
  addEventListener("pageshow", () => (button.disabled = false));
}
