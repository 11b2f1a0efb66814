// The teach round: five pictures, one tap each, sent together; until then a slip can be mended.

import { call, freshKey } from "./api.js";

const root = document.getElementById("teach");
const { app } = root.dataset;
const find = (name) => root.querySelector(`[data-${name}]`);
const says = [...root.querySelectorAll("[data-say]")];
const dots = [...root.querySelectorAll(".dots li")];
const SLIP_MS = 250; // a second tap of a double tap is no answer

let items = [], said = [], since = 0, busy = true;

async function begin() {
  try {
    items = (await call(`/api/apps/${app}/teach`)).items;
  } catch (error) {
    return refuse(error, begin);
  }
  said = [];
  if (!items.length) return end({ head: "That was all for now.", words: "You have seen every picture that there is today. Come back another day." }, false);
  for (const { photo } of items.slice(1)) new Image().src = photo;
  find("done").hidden = true;
  find("round-view").hidden = false;
  busy = false;
  show();
  if (document.activeElement === document.body) return;
  find("count").focus({ preventScroll: true });
}

function show() {
  const at = said.length;
  find("bare").hidden = true;
  find("photo").hidden = false;
  find("photo").src = items[at].photo;
  find("count").textContent = `Picture ${at + 1} of ${items.length}`;
  dots.forEach((dot, i) => {
    dot.hidden = i >= items.length;
    dot.className = i < at ? "past" : i === at ? "now" : "";
  });
  find("back").hidden = at === 0;
  for (const button of [...says, find("pass")]) button.disabled = false;
  since = performance.now();
}

function say(label) {
  if (busy || performance.now() - since < SLIP_MS) return;
  said.push({ item: items[said.length].item, label });
  if (said.length < items.length) return show();
  send();
}

function back() {
  if (busy || !said.length) return;
  said.pop();
  show();
}

async function send() {
  busy = true;
  for (const button of [...says, find("pass"), find("back")]) button.disabled = true;
  try {
    end(await call(`/api/apps/${app}/teach`, { method: "POST", body: { answers: said }, headers: { "Idempotency-Key": freshKey() } }), true);
  } catch (error) {
    refuse(error, error.final ? begin : send);
  }
  find("back").disabled = false;
}

function end({ head, words, taught }, more) {
  busy = true;
  find("round-view").hidden = true;
  find("trouble").hidden = true;
  find("done").hidden = false;
  find("head").textContent = head;
  find("words").textContent = words;
  find("taught").textContent = taught > 5 ? `You have looked at ${taught} pictures so far.` : "";
  find("more").hidden = !more;
  find("lead").hidden = true;
  find("head").focus({ preventScroll: true });
}

function refuse(error, again) {
  find("what").textContent = error.what;
  find("next").textContent = error.do_next ?? "";
  find("trouble").hidden = false;
  find("retry").hidden = error.status === 429;
  find("retry").onclick = () => {
    find("trouble").hidden = true;
    again();
  };
}

for (const button of says) button.addEventListener("click", () => say(button.dataset.say));
find("pass").addEventListener("click", () => say(null));
find("back").addEventListener("click", back);
find("more").addEventListener("click", begin);
// A picture that its visitor took back meanwhile says nothing of anybody: on to the next.
find("photo").addEventListener("error", () => !busy && ((since = 0), say(null)));
addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
  const key = event.key.toLowerCase();
  if (/^[1-9]$/.test(key) && says[key - 1]) say(says[key - 1].dataset.say);
  else if (key === "0") say(null);
  else if (key === "z") back();
});
begin();
