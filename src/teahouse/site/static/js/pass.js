// My pass: a code is put in, more is bought, and who comes back from the till waits here for the payment to arrive.

import { call } from "./api.js";
import { buys } from "./buy.js";
import { kept } from "./gave.js";

const EVERY_MS = 2000, TRIES = 30;
const AWAITED = ["ordered", "pending"];

/** Looks every two seconds, for a minute, until the order is something else than it was awaited to be; the state that it
 * has then, or null. `look` brings what /api/passes tells. */
export async function arrived(order, look, pause = () => new Promise((go) => setTimeout(go, EVERY_MS))) {
  for (let tries = 0; tries < TRIES; tries++) {
    await pause();
    const told = await look().catch(() => ({ passes: [] })); // a site that is away for a moment: the next look tells
    const found = told.passes.flatMap((one) => one.orders).find((one) => one.order === order);
    if (found && !AWAITED.includes(found.state)) return found.state;
  }
  return null;
}

/** The code that an address ends with, or "": what stands behind the # is never sent to a server. */
export const codeOf = (hash) => (/^#[0-9A-Za-z-]{20,40}$/.test(hash) ? hash.slice(1) : "");

async function wait(place) {
  if (await arrived(place.dataset.awaits, () => call("/api/passes"))) return location.reload();
  place.querySelector("[data-waiting]").hidden = true;
  place.querySelector("[data-late]").hidden = false;
}

function restores(form) {
  const trouble = form.querySelector("[data-trouble]"), field = form.elements.code;
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    event.submitter.disabled = true;
    trouble.hidden = true;
    try {
      const { app } = await call("/api/passes", { method: "POST", body: { code: field.value } });
      location.assign(`/pass?app=${app}`);
    } catch (error) {
      trouble.textContent = `${error.what} ${error.do_next ?? ""}`;
      trouble.hidden = false;
      event.submitter.disabled = false;
      field.select();
    }
  });
  const put = () => {
    const code = codeOf(location.hash);
    if (!code) return;
    field.value = code;
    history.replaceState(null, "", location.pathname + location.search); // nobody copies it from the address by chance
    form.scrollIntoView({ block: "center" });
    form.querySelector("[data-given]").hidden = false;
    form.querySelector("button").focus();
  };
  addEventListener("hashchange", put);
  put();
}

const page = globalThis.document?.querySelector("[data-pass]");
if (page) {
  const note = page.querySelector("[data-note]");
  for (const button of page.querySelectorAll("[data-buy]")) {
    buys(button, button.dataset.buy, (said) => Object.assign(note, { textContent: said, hidden: false }));
  }
  for (const place of page.querySelectorAll("[data-awaits]")) wait(place);
  for (const place of page.querySelectorAll("[data-gave]")) place.hidden = !kept(place.dataset.gave);
  restores(page.querySelector("[data-restore]"));
}
