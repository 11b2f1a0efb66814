// The owner's queue: one photo, one key. Decisions are sent in order behind the next photo, so nobody waits.

import { tell } from "./act.js";
import { percent } from "./answers/labels.js";
import { call } from "./api.js";
import { outlined } from "./outlined.js";

const root = document.getElementById("review");
const { app } = root.dataset;
const ofAside = "ofAside" in root.dataset;
const find = (name) => root.querySelector(`[data-${name}]`);
const spoken = (label) => label.replaceAll("_", " ").replace(/^./, (c) => c.toUpperCase());
const choices = JSON.parse(root.dataset.choices);

const AHEAD = 10;
const queue = [];
const past = [];
const badge = document.querySelector("[data-waiting]");
let left = Number(root.dataset.left), done = Number(root.dataset.done), sending = Promise.resolve(), dry = false, filling = false;

async function fill() {
  const before = done;
  const told = await call(`/api/owner/reviews?app=${app}${ofAside ? "&aside=true" : ""}`);
  const seen = new Set([...queue, ...past].flatMap(labelsOf));
  const fresh = told.items.filter((item) => !seen.has(item.label));
  for (const item of fresh) item.like = (item.like ?? []).filter((one) => !seen.has(one.label));
  queue.push(...fresh);
  dry = fresh.length === 0;
  left = Math.max(told.left - (done - before), queue.reduce((sum, item) => sum + labelsOf(item).length, 0));
  find("told")?.replaceChildren(...(told.told ?? []).map((words) => Object.assign(document.createElement("p"), { textContent: words })));
}

/** All that one key decides: the photo, and those that look like it. */
const labelsOf = (item) => [item.label, ...(item.like ?? []).map((one) => one.label)];

function count() {
  find("count").textContent = left ? `${left.toLocaleString()} to go` : "All reviewed";
  find("meter").firstElementChild.setAttribute("width", `${(100 * done) / Math.max(1, done + left)}%`);
  find("undo").disabled = past.length === 0;
  if (ofAside) return;
  badge.hidden = !left;
  badge.firstChild.data = left.toLocaleString();
}

function show() {
  const item = queue[0];
  count();
  find("judge").hidden = !item;
  find("done-note").hidden = Boolean(item) || !dry; // who is faster than the house waits a moment, and is not done
  if (!item) return dry ? find("done-note").querySelector("h2").focus() : undefined;
  find("photo").hidden = false;
  find("photo").src = item.photo;
  stack(item);
  find("why").hidden = !item.why;
  find("why").textContent = item.why ?? "";
  for (const next of queue.slice(1, 4)) new Image().src = next.photo;
  // Who labels a row that was drawn by lot sees neither the visitor's word nor the release's guess.
  const guess = item.held || !item.guess?.label ? null : item.guess;
  find("held").hidden = !item.held || !item.judges;
  find("late").hidden = !item.held || item.judges;
  find("guess").hidden = find("word").hidden = item.held;
  const share = guess?.scores?.[guess.label];
  find("guess").textContent = guess ? `It said ${guess.label.replaceAll("_", " ")}${share ? `, ${percent(share)}` : ""}` : "";
  find("word").textContent = item.held ? "" : saidOf(item);
  const given = Object.entries(item.given ?? {}).map(([name, value]) => `${name} ${String(value).replaceAll("_", " ")}`);
  find("given").hidden = !given.length;
  find("given").textContent = `Made with ${given.join(", ")}.`;
  const one = outlined(item, choices);
  find("enter").hidden = one === null;
  for (const button of root.querySelectorAll(".choice")) button.classList.toggle("outlined", one !== null && one === (button.dataset.choice ?? ""));
}

/** Those that look like it, under it: one key decides them all. */
function stack({ like = [] }) {
  find("times").hidden = find("alike").hidden = !like.length;
  if (!like.length) return;
  find("times").textContent = `× ${like.length + 1}`;
  find("alike-words").textContent = `${like.length + 1} that look alike: one key for all of them.`;
  find("thumbs").replaceChildren(...like.slice(0, 12).map(({ photo }) => {
    const place = document.createElement("li");
    place.append(Object.assign(new Image(), { src: photo, alt: "" }));
    return place;
  }));
}

/** One photo at a time after all. */
function apart() {
  const [item] = queue;
  if (!item?.like?.length) return;
  const { like, ...alone } = item;
  queue.splice(0, 1, { ...alone, like: [] }, ...like.map((one) => ({ ...alone, ...one, like: [] })));
  show();
}

const plain = (word) => String(word).replaceAll("_", " ");

/** What the visitor said; of several that look alike, how many said what. */
function saidOf({ word, like }) {
  const said = [word, ...(like ?? []).map((one) => one.word)].filter(Boolean);
  if (!said.length) return `The visitor${like?.length ? "s" : ""} said nothing.`;
  if (!like?.length) return `The visitor said ${plain(word)}.`;
  const counted = [...new Set(said)].map((one) => `${plain(one)} ${said.filter((other) => other === one).length} times`.replace(" 1 times", " once"));
  return `Visitors said ${counted.join(", ")}.`;
}

function decide(decision, label) {
  const item = queue.shift();
  if (!item) return;
  const [lead, ...like] = labelsOf(item);
  past.push(item);
  left = Math.max(0, left - like.length - 1);
  done += like.length + 1;
  show();
  const truth = label ? { label } : null;
  later(async () => {
    await call("/api/owner/reviews", { method: "POST", body: { label: lead, like, decision, truth } });
    item.written = true;
  }, item);
  more();
}

/** The next photos, well before the last one is decided. */
function more() {
  if (filling || dry || queue.length >= AHEAD) return;
  filling = true;
  later(async () => {
    await fill().finally(() => (filling = false));
    show();
  });
}

function undo() {
  if (!past.length) return;
  const item = past.pop();
  queue.unshift(item);
  left += labelsOf(item).length;
  done = Math.max(0, done - labelsOf(item).length);
  show();
  later(async () => {
    if (!item.written) return; // it was refused: what would be taken back is the decision before it
    // Named, so that a repeat after a lost answer takes no other decision back: the house refuses it, and that is well.
    await call(`/api/owner/reviews?label=${item.label}`, { method: "DELETE" }).catch((error) => {
      if (!error.final) throw error;
      note(`${error.what} ${error.why ?? ""}`);
    });
    item.written = false;
  });
}

/** Takes a photo out that can not be decided on any more: its visitor deleted it. */
function skip(item, words) {
  if (queue.includes(item)) {
    queue.splice(queue.indexOf(item), 1, ...(item.like ?? []).map((one) => ({ ...item, ...one, like: [] })));
    left = Math.max(0, left - 1);
  } else if (past.includes(item)) {
    past.splice(past.indexOf(item), 1);
    done = Math.max(0, done - 1);
  }
  note(words);
  show();
}

/** Words that stand for a while. */
function note(words) {
  tell(words);
  setTimeout(() => (document.querySelector("[data-note]").hidden = true), 6000);
}

/** Runs `send` after all that was asked before. A refusal stops the queue until it went through; one that would come
 * again and again skips `item`. */
function later(send, item) {
  sending = sending.then(async () => {
    for (;;) {
      try {
        return await send();
      } catch (error) {
        if (error.status === 401) return location.assign(`/owner/login?again=1&next=${encodeURIComponent(location.pathname + location.search)}`);
        if (error.final) return item ? skip(item, `${error.what} ${error.why ?? ""}`) : tell(error.what);
        await retry(error);
      }
    }
  });
}

function retry(error) {
  find("what").textContent = error.what;
  find("next").textContent = error.do_next ?? "";
  find("trouble").hidden = false;
  return new Promise((again) => {
    find("retry").onclick = () => {
      find("trouble").hidden = true;
      again();
    };
  });
}

/** Enter: what is outlined. */
function enter() {
  const one = queue[0] ? outlined(queue[0], choices) : null;
  if (one !== null) decide("accept", one);
}

find("photo").addEventListener("error", () => {
  const item = queue[0];
  later(async () => {
    if (queue.includes(item) && (await fetch(item.photo).catch(() => null))?.status === 404) skip(item, "This photo is gone: its visitor deleted it.");
  });
});
for (const button of root.querySelectorAll("[data-choice]")) button.addEventListener("click", () => decide("accept", button.dataset.choice));
find("take")?.addEventListener("click", () => decide("accept"));
find("aside").addEventListener("click", () => decide("set_aside"));
find("undo").addEventListener("click", undo);
find("apart").addEventListener("click", apart);
addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.repeat || !find("trouble").hidden) return;
  const key = event.key.toLowerCase();
  if (key === "enter" && !event.target.closest("a, button, summary")) enter();
  else if (key === "s") decide("set_aside");
  else if (key === "z") undo();
  else if (key === "x") apart();
  else if (/^[1-9]$/.test(key) && choices[key - 1]) decide("accept", choices[key - 1]);
});
addEventListener("beforeunload", (event) => !find("trouble").hidden && event.preventDefault());
document.addEventListener("house:change", () => dry && later(async () => (await fill(), queue.length && find("judge").hidden && show())));

later(async () => (await fill(), show()));
