// A page that stands alone: fetches the model once the page is there, and shows what was said and is kept here.

import { element } from "../dialog.js";
import { about, begin } from "./house.js";
import { all, file, forget, issue, open } from "./words.js";

const place = document.querySelector("[data-words]"), link = (words, onclick) => element("button", { type: "button", className: "link", textContent: words, onclick });

async function save() {
  const { app } = await about, address = URL.createObjectURL(await file());
  element("a", { href: address, download: `${app}-words.zip` }).click();
  setTimeout(() => URL.revokeObjectURL(address), 60000);
}

async function show() {
  const { issues, title } = await about, count = all().length;
  place.hidden = !count;
  if (!count) return place.replaceChildren();
  const parts = [link("Save it as a file", save), issues && element("a", { className: "link", href: issue(issues, title), target: "_blank", rel: "noopener noreferrer", textContent: "Tell the maker on GitHub" }), link("Forget it", forget)].filter(Boolean);
  place.replaceChildren(count === 1 ? "One word of yours is kept in this browser." : `${count} words of yours are kept in this browser.`, ...parts);
}

addEventListener("said", show);
about.then(({ app, home }) => home || open(app));

const idle = window.requestIdleCallback ?? setTimeout;
const soon = () => idle(() => navigator.connection?.saveData || begin()); // who saves data waits at the first photo instead
if (document.readyState === "complete") soon();
else addEventListener("load", soon, { once: true });
