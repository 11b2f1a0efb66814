// The play page: what the visitor gives goes in, its answer comes out, in place.

import { alone, away, call, freshKey } from "./api.js";
import { late } from "./late.js";
import { panel, standing } from "./word.js";

const root = document.getElementById("play");
const asked = alone && /^#\d{1,10}$/.test(location.hash) ? location.hash.slice(1) : null; // a link to one of the pictures
if (asked) Object.assign(root.dataset, { seed: asked, now: "ask", prediction: "" });
const { app, view, now, seed, prediction, counts } = root.dataset;
const about = { app, labels: JSON.parse(root.dataset.labels), sureness: JSON.parse(root.dataset.sureness) };
const find = (name) => root.querySelector(`[data-${name}]`);
// not awaited here: a tap counts before it is there
const shown = import(`./answers/${view}.js`);
// by name: ready() and value(), and what else a kind has: own(), heard(answer)
const inputs = {};
// refusals that pass by themselves
const CALM = { offline: "offline", "queue-full": "full", "too-many": "full" };
const PATIENT_S = [3, 6, 12, 24, 48];
const busy = root.classList.contains("makes") ? "Drawing …" : "Looking …";
const photos = () => Object.values(inputs).filter((input) => input.photo);

/** `given`: what may be kept of the visitor's own, as it was sent; `photo`: the picture file that was sent. */
const play = { answer: null, given: null, photo: null, sample: false, standing: Boolean(root.dataset.standing), turn: 0 };
const word = panel(play, find("word"));
const state = (name) => (find("answer").dataset.state = name);
let stop = new AbortController(), later, tries = 0, pair, stands = /told|strange/.test(find("answer").dataset.state);
let last = stands && { state: find("answer").dataset.state, play: { answer: null, given: null, photo: null, sample: true } };

function wait(fresh) {
  state(fresh ? "waiting" : "again");
  find("trouble").hidden = true;
  if (find("steam")) find("steam").hidden = false;
  if (!fresh) return;
  find("waiting").hidden = false;
  find("waiting").textContent = busy;
  word.close();
}

function still() {
  if (find("steam")) find("steam").hidden = true;
  find("waiting").hidden = true;
}

function place(event, { place, wait_s, words }) {
  if (event === "coming") find("waiting").textContent = words;
  if (event !== "queued" || !place) return;
  const seconds = Math.max(1, Math.round(wait_s ?? 1));
  find("waiting").hidden = false;
  find("waiting").textContent = place === 1 ? "You are next …" : `${place - 1} before you; about ${seconds} s …`;
}

function refuse(error, how) {
  // a browser on a machine without a network says that it is offline, also beside a house on that machine, which has refused
  const calm = CALM[error.code] ?? (navigator.onLine || error.final || error.old ? undefined : "offline");
  still();
  // What can not be looked at leaves the last photo and its answer as they were; only the words say what failed.
  const back = !calm && (error.final || error.old) && photos().map((input) => input.back()).some(Boolean);
  if (back && last) Object.assign(play, last.play);
  stands = Boolean(back && last);
  state(stands ? last.state : (calm ?? "trouble"));
  const seconds = calm === "full" ? Math.max(error.retry_after ?? 5, PATIENT_S[tries]) : PATIENT_S[tries];
  find("what").textContent = calm === "offline" ? away().what : (error.what ?? "That did not work.");
  find("next").textContent = !calm || !seconds ? (error.do_next ?? "")
    : calm === "full" ? "Trying again in" : `${photos().some((input) => input.own()) ? "What you gave stays here. " : ""}I'll try again when you are back.`;
  find("count").textContent = "";
  find("trouble").hidden = false;
  // the picture on the page is not what the inputs say
  word.close();
  find("retry").hidden = Boolean(error.final);
  find("retry").textContent = error.old ? "Reload the page" : calm ? "Try now" : "Try again";
  find("another").hidden = !error.final || !photos().length;
  find("retry").onclick = () => (error.old ? location.reload() : (find("answer").focus(), ask(how)));
  find("trouble").scrollIntoView({ block: "nearest" });
  if (!calm || !seconds) return;
  tries += 1;
  if (calm === "full") tick(seconds, how);
  else later = setTimeout(() => send(how), seconds * 1000);
  if (calm === "offline") addEventListener("online", () => ask(how), { once: true, signal: stop.signal });
}

function tick(seconds, how) {
  find("count").textContent = `${seconds} s`;
  later = setTimeout(() => (seconds > 1 ? tick(seconds - 1, how) : send(how)), 1000);
}

/** What the inputs hold, as it is sent: a file alone as itself, a file among others as a form, the rest as JSON. */
async function pack() {
  const parts = await Promise.all(Object.entries(inputs).map(async ([name, input]) => [name, await input.value()]));
  const given = parts.filter(([, value]) => value !== undefined);
  play.photo = given.find(([, value]) => value instanceof Blob)?.[1] ?? null;
  if (!play.photo) return Object.fromEntries(given);
  if (parts.length === 1) return play.photo;
  const form = new FormData();
  for (const [name, value] of given) form.append(name, value);
  return form;
}

/** One question's way. A retry sends under the same key, so nothing counts twice; the latest question wins. */
async function send(how) {
  const turn = ++play.turn, current = () => turn === play.turn;
  const fresh = how.fresh || !stands;
  stands = !fresh;
  how.key ??= freshKey();
  clearTimeout(later);
  stop.abort();
  stop = new AbortController();
  pair?.close();
  Object.assign(play, { answer: null, given: null });
  wait(fresh);
  const slow = setTimeout(() => current() && fresh && (find("waiting").textContent = `Still ${busy.toLowerCase()}`), 2500);
  try {
    await opened;
    const own = (photos().length ? photos() : Object.values(inputs)).some((input) => input.own());
    play.sample = photos().length > 0 && !own;
    const post = async (headers, key) => call(`/api/apps/${app}/predictions`, {
      method: "POST", body: await pack(), stop,
      headers: { "Idempotency-Key": key, ...(own ? standing(play) : {}), ...headers },
      on: (event, data) => current() && (clearTimeout(slow), place(event, data)),
    });
    const ready = await how.answer;
    if (!current()) return;
    const answer = ready ?? (await post({}, how.key));
    if (!current()) return;
    tries = 0;
    for (const input of Object.values(inputs)) input.heard?.(answer);
    (await purse)?.told(answer);
    if (!current()) return;
    // with the seed that was drawn, where there is one
    if (own) play.given = await pack();
    await tell(answer, current, how.fresh && post);
  } catch (error) {
    const spent = current() && (await (await purse)?.spent(error, current));
    if (!current()) return;
    if (!spent) return refuse(error, how);
    still();
    stands = false;
    word.close();
  } finally {
    clearTimeout(slow);
  }
}

/** Shows an answer, or now and then two of them to choose from; `post` asks for the other one. */
async function tell(answer, current, post) {
  const show = await shown;
  const two = post && (await (await import("./turns.js")).due(answer));
  if (!current()) return;
  if (two) {
    pair ??= await import("./pair.js");
    const chosen = await pair.offer(answer, post, current);
    if (!current()) return;
    answer = chosen.answer;
    for (const input of Object.values(inputs)) input.heard?.(answer);
    await draw(answer, show, current);
    if (chosen.said) return word.thank("chosen");
  } else {
    await draw(answer, show, current);
  }
  const chips = await show.chips(answer, about);
  if (current()) word.open(chips);
}

async function draw(answer, show, current) {
  await show.draw(root, answer, about, current);
  if (!current()) return;
  play.answer = answer;
  stands = true;
  still();
  state(answer.familiar === false ? "strange" : "told");
  for (const input of photos()) input.settle();
  const { given, photo, sample } = play;
  last = { state: find("answer").dataset.state, play: { answer, given, photo, sample } };
}

/** Asks about what now stands in the inputs. `fresh`: it is another thing, not the same one done differently. `after`:
 * milliseconds to wait for more. `answer`: resolves to what the house has ready, or undefined. */
function ask(how = {}) {
  clearTimeout(later);
  tries = 0;
  if (how.after) later = setTimeout(() => send(how), how.after);
  else if (Object.values(inputs).every((input) => input.ready())) send(how);
  else if (photos().every((input) => input.ready())) {
    const missing = Object.values(inputs).find((input) => !input.ready());
    state("empty");
    find("waiting").hidden = false;
    find("waiting").textContent = `One thing more: ${missing.words}.`;
  }
}

const opened = Promise.all([...root.querySelectorAll("[data-input]")].map(async (place) => {
  const { open } = await import(`./inputs/${place.dataset.module}.js`);
  inputs[place.dataset.input] = open(place, { root, ask, app });
}));

find("another").onclick = () => [...root.querySelectorAll("[data-give]")].at(-1).click();
document.querySelector("[data-embed]")?.addEventListener("click", async () => (await late(() => import("./snippet.js")))?.open(app));
find("share")?.addEventListener("click", async ({ currentTarget: from }) => (await late(() => import("./sharing.js")))?.asked(play, { app, from, alone: Object.keys(inputs).length === 1 }, send));
if (prediction) {
  play.answer = { id: prediction, seed: Number(seed), feedback: [{ kind: "rate" }] };
  import("./turns.js").then(({ due }) => due({}));
  import("./visit.js").then(({ visit }) => visit(`said ${prediction}`) && play.answer?.id === prediction && word.rated(visit(`said ${prediction}`)));
}
// where answers are counted
const purse = counts && import(`./${counts}.js`).then(({ open }) => open(root, { app, inputs, opened })).catch(() => null);
if (now) opened.then(async () => (await purse)?.gave || ask({ fresh: true }));
