// Scripts that come when they are asked for. Where one does not come, without a connection, the page says so.

import { away } from "./api.js";

const STAYS_MS = 6000;

/** What `load` brings, or undefined, told in words. */
export async function late(load) {
  try {
    return await load();
  } catch {
    const note = document.querySelector("[data-note]"), { what, do_next } = away();
    note.hidden = false;
    note.textContent = `${what} ${do_next}`;
    setTimeout(() => (note.hidden = true), STAYS_MS);
  }
}
