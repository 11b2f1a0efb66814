// The play page: a photo goes in, its answer comes out, in place.

import { call, freshKey } from "./api.js";
import { open } from "./intake.js";
import { ready } from "./photo.js";
import { panel, standing } from "./word.js";

const root = document.getElementById("play");
const { app, kind, side, bytes } = root.dataset;
const about = { labels: JSON.parse(root.dataset.labels), sureness: JSON.parse(root.dataset.sureness) };
const find = (name) => root.querySelector(`[data-${name}]`);
const drawn = import(`./answers/${kind}.js`).catch(() => import("./answers/plain.js")); // not awaited here: a tap counts before it is there

const play = { answer: null, blob: null, sample: true, standing: Boolean(root.dataset.standing), turn: 0 };
const word = panel(play, find("word"));
const state = (name) => (find("answer").dataset.state = name);

function show(address, words) {
  find("bare").hidden = true;
  for (const name of ["wash", "photo"]) {
    find(name).hidden = false;
    find(name).src = address;
  }
  find("photo").alt = words;
}

function wait(words) {
  state("waiting");
  find("trouble").hidden = true;
  find("waiting").hidden = false;
  find("waiting").textContent = words;
  find("steam").hidden = false;
  word.close();
}

function place(event, { place, wait_s }) {
  if (event !== "queued" || !place) return;
  const seconds = Math.max(1, Math.round(wait_s ?? 1));
  find("waiting").textContent = place === 1 ? "You are next …" : `${place - 1} before you; about ${seconds} s …`;
}

function tell(answer, view) {
  play.answer = answer;
  find("steam").hidden = true;
  find("waiting").hidden = true;
  view.draw(find("answer"), answer, about);
  state(answer.familiar === false ? "strange" : "told");
  word.open(answer.receipt ? view.chips(answer, about) : { first: [], more: [] });
}

function refuse(error, again) {
  state("trouble");
  find("steam").hidden = true;
  find("waiting").hidden = true;
  find("what").textContent = error.what ?? "That did not work.";
  find("next").textContent = error.do_next ?? "";
  find("trouble").hidden = false;
  find("retry").hidden = Boolean(error.final);
  find("retry").textContent = error.old ? "Reload the page" : "Try again";
  find("another").hidden = !error.final;
  find("retry").onclick = () => (error.old ? location.reload() : (find("answer").focus(), again()));
}

/** A photo of the house. Its address is good for some hours only: a page that stood open longer has to be loaded anew. */
async function sample(address) {
  const response = await fetch(address);
  const old = response.status === 404;
  if (old) throw { what: "This photo is not here any more.", do_next: "The page stood open for long. Reload it, then tap again.", old };
  if (!response.ok) throw { what: "The house could not show this photo.", do_next: "Try again in a moment." };
  return response.blob();
}

/** One photo's way: `prepare()` gives the Blob to send. A retry sends under the same key, so nothing counts twice. */
async function send(prepare, ours, key = freshKey()) {
  const turn = ++play.turn;
  const current = () => turn === play.turn;
  Object.assign(play, { answer: null, blob: null, sample: ours });
  wait("Looking …");
  const late = setTimeout(() => current() && (find("waiting").textContent = "Still looking …"), 2500);
  try {
    const blob = await prepare();
    const answer = await call(`/api/apps/${app}/predictions`, {
      method: "POST",
      body: blob,
      headers: { "Content-Type": blob.type || "image/jpeg", "Idempotency-Key": key, ...(ours ? {} : standing(play)) },
      on: (event, data) => current() && (clearTimeout(late), place(event, data)),
    });
    const view = await drawn;
    if (!current()) return;
    play.blob = blob;
    tell(answer, view);
  } catch (error) {
    if (current()) refuse(error, () => send(prepare, ours, key));
  } finally {
    clearTimeout(late);
  }
}

function press(cup) {
  for (const other of root.querySelectorAll("[data-sample]")) other.setAttribute("aria-pressed", String(other === cup));
}

find("another").onclick = () => [...root.querySelectorAll("[data-give]")].at(-1).click();

let address;
open(root, (file) => {
  if (address) URL.revokeObjectURL(address);
  address = URL.createObjectURL(file);
  press(null);
  show(address, "Your photo");
  if (root.getBoundingClientRect().top < -200) root.scrollIntoView();
  send(() => ready(file, Number(side), Number(bytes)), false);
});

for (const cup of root.querySelectorAll("[data-sample]")) {
  cup.addEventListener("click", () => {
    press(cup);
    show(cup.dataset.sample, cup.firstElementChild.alt);
    send(() => sample(cup.dataset.sample), true);
  });
}

// A photo the browser can not paint (HEIC on most) is still sent or refused in words; its frame stays calm.
find("photo").addEventListener("error", () => {
  for (const name of ["wash", "photo"]) find(name).hidden = true;
  find("bare").hidden = false;
});
