// The test till: what becomes of an order is told to the house, and the buyer goes on.

import { call } from "./api.js";

const till = document.querySelector("[data-till]"), trouble = till.querySelector("[data-trouble]");

for (const button of till.querySelectorAll("[data-outcome]")) {
  button.addEventListener("click", async () => {
    const all = till.querySelectorAll("[data-outcome]");
    for (const each of all) each.disabled = true;
    try {
      const { back } = await call(`/api/play-money/${till.dataset.till}`, { method: "POST", body: { outcome: button.dataset.outcome } });
      location.replace(back);
    } catch (error) {
      trouble.textContent = `${error.what} ${error.do_next ?? ""}`;
      trouble.hidden = false;
      for (const each of all) each.disabled = false;
    }
  });
}
