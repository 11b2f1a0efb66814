// A page that a visitor shows to others: its slider, and a word to the owner where it should not be there.

import { call } from "./api.js";
import { open } from "./slider.js";

const stage = document.querySelector("[data-stage].both");
if (stage) open(stage).hint();

const dialog = document.querySelector("[data-reporting]");
const part = (name) => dialog.querySelector(`[data-${name}]`);

document.querySelector("[data-report]").addEventListener("click", () => dialog.showModal());
for (const close of dialog.querySelectorAll("[data-close]")) close.addEventListener("click", () => dialog.close());

part("form").addEventListener("submit", async (event) => {
  event.preventDefault();
  const given = new FormData(event.target), send = event.submitter;
  send.disabled = true;
  try {
    const body = { kind: given.get("kind"), words: given.get("words"), share: dialog.dataset.reporting };
    const { receipt } = await call("/api/reports", { method: "POST", body });
    part("receipt").textContent = receipt;
    part("head").textContent = "Thank you.";
    part("form").hidden = true;
    part("sent").hidden = false;
    part("head").focus();
  } catch (error) {
    part("trouble").textContent = `${error.what} ${error.do_next ?? ""}`;
    part("trouble").hidden = false;
  } finally {
    send.disabled = false;
  }
});
