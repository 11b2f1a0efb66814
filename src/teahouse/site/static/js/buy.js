// Buying: one tap leads to the till. What it costs is for the house to say, which is told the app's name alone.

import { call } from "./api.js";

/** Lets a button buy answers of `app`; `tell` says why it could not. */
export function buys(button, app, tell) {
  button.addEventListener("click", async () => {
    button.disabled = true;
    try {
      // a till of others', or a path: the test till is a page of this very site
      location.assign((await call("/api/checkouts", { method: "POST", body: { app } })).url);
    } catch (error) {
      // they have paid already, or a payment is under way: the pass says which
      if (error.code === "conflict") return location.assign(`/pass?app=${app}`);
      tell(`${error.what} ${error.do_next ?? ""}`);
      button.disabled = false;
    }
  });
  // who comes back from the till with the browser's own arrow finds the page as they left it
  addEventListener("pageshow", () => (button.disabled = false));
}
