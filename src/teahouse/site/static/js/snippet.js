// The lines of HTML that put the app on another site's page, and how they, or a link, are copied.

import { alone } from "./api.js";
import { button, dressed, element } from "./dialog.js";

const safe = (words) => words.replace(/[&<>"]/g, (c) => `&#${c.charCodeAt(0)};`);

/** A frame, and the script that gives it its height. */
export const lines = (app) => [
  `<iframe src="${alone ? location.href.replace(/#.*/, "") : `${location.origin}/${app}/embed`}" title="${safe(document.querySelector("h1").textContent)}" width="100%" height="640" style="border:0" allow="camera; clipboard-write" loading="lazy"></iframe>`,
  ...(alone ? [] : [`<script src="${location.origin}/embed.js" async></script>`]),
].join("\n");

/** Copies on https and on plain http alike. */
export async function copy(field, told) {
  field.select();
  try {
    await navigator.clipboard.writeText(field.value);
  } catch {
    document.execCommand("copy");
  }
  told.textContent = "Copied";
}

/** The lines in a field, and the button that copies them. */
export function parts(app, kind = "") {
  const field = element("textarea", { readOnly: true, rows: 6, ariaLabel: "HTML for a page of your own", value: lines(app) });
  field.setSelectionRange(0, 0); // or the field would open at its end
  const copies = button("Copy", kind, () => copy(field, copies));
  return [field, copies];
}

/** The same in a dialog. */
export async function open(app) {
  await dressed();
  const [field, copies] = parts(app, "main");
  const head = element("h2", { id: "embed-head", textContent: "Put it on a page of your own" });
  const words = element("p", { textContent: alone ? "Paste this line where it shall stand. It sets no cookies there." : "Paste these two lines where it shall stand. It takes the height it needs, and sets no cookies there." });
  const done = button("Done", "", () => dialog.close());
  const dialog = element("dialog", { className: "ask card" }, head, element("div", { className: "sharing" }, words, field, element("div", { className: "row" }, copies, done)));
  dialog.setAttribute("aria-labelledby", head.id);
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
  copies.focus();
}
