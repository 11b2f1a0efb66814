// The visitor's word on an answer: one tap to say it, one question about the photo, thanks that say what happens next.

import { call, freshKey } from "./api.js";
import { late } from "./late.js";

export const PURPOSES = { "X-Consent": "keep, train" };
// Where nothing retrains it by itself no release is promised to learn: what is said instead where a list ends with 1.
const BY_HAND = "Its maker may teach the next release with it.";
const THANKS = {
  kept: ["Thank you. It is kept.", "It goes to the owner first. Once accepted, the next release learns from it.", 1],
  noted: ["Thank you.", "Your word counts in how well this release does."],
  love: ["Noted: you love it.", "That teaches the next release.", 1],
  meh: ["Noted: not this one.", "That teaches the next release.", 1],
  neither: ["Good to know.", "It knows only what it was taught."],
  chosen: ["Thank you.", "Choices like this one decide which release stays."],
  sample: ["Thank you.", "That was one of our own photos. Now one of yours?"],
};

export const button = (words, more) => Object.assign(document.createElement("button"), { className: "button", type: "button", textContent: words, ...more });

/** The panel under the answer. `play.answer` and `play.given` are the ones on the page; `play.standing` may be set here.
 * What is said of an answer goes with that answer, and what comes of it is shown while that answer stands. */
export function panel(play, root) {
  const part = (name) => root.querySelector(`[data-${name}]`);
  const parts = ["ask", "own", "consent", "thanks"];
  let yes, said = ""; // the word as it is told back: who hit the wrong button sees it

  function show(name) {
    for (const p of parts) part(p).hidden = p !== name || (p === "own" && !document.querySelector("[data-give]"));
    if (name === "consent" || name === "thanks") reveal(part(name));
  }

  /** Scrolls until all of it is seen: no further than needed, and never past the middle of the picture. */
  function reveal(shown) {
    const bar = parseFloat(getComputedStyle(document.documentElement).scrollPaddingBottom) || 0;
    const picture = document.querySelector("[data-frame]")?.getBoundingClientRect();
    // it hides the bar
    const needed = shown.getBoundingClientRect().bottom + 8 - innerHeight + (shown === part("consent") ? 0 : bar);
    const most = picture ? picture.top + picture.height / 2 : needed;
    if (Math.min(needed, most) > 0) scrollBy(0, Math.min(needed, most));
  }

  const thanks = ([head, words, learns]) => [head, said + (learns && "byHand" in root.dataset ? BY_HAND : words)];
  const thank = (kind) => tell(thanks(THANKS[kind] ?? kind));
  const tell = (told) => put(told).focus({ preventScroll: true });

  function put([head, words], ...more) {
    part("thanks-head").textContent = head;
    part("thanks-words").replaceChildren(`${words} `, ...more);
    show("thanks");
    return part("thanks-head");
  }

  /** Says how it was rated, and lets that be changed: of several words the last one counts. */
  const rated = (value) => put(thanks(THANKS[value]), button("Change it", { className: "link", onclick: () => (open([]), part("ask").querySelector("button").focus()) }));

  /** What it asks: whether it was right, or what it is where it is not sure itself. */
  function open(chips) {
    said = "";
    if (part("question")) part("question").textContent = chips?.question ?? "Was that right?";
    const places = (chips ?? []).map((chip) => (chip.said ? button(chip.words, { className: `button ${chip.quiet ? "faint" : ""}`, onclick: () => say(chip.said) }) : chip(say)));
    part("chips")?.replaceChildren(...places);
    for (const rate of root.querySelectorAll("[data-rate]")) rate.disabled = false;
    show(chips ? "ask" : "own");
  }

  function failed(error, again) {
    const retry = button("Try again");
    retry.addEventListener("click", again, { once: true });
    put([error.what, error.do_next ?? ""], ...(error.final ? [] : [retry])).focus({ preventScroll: true });
  }

  async function say({ kind, value }, { answer, given, sample } = play, key = freshKey()) {
    if (!answer || play.answer !== answer) return;
    for (const each of part("ask").querySelectorAll("button, select, input")) each.disabled = true;
    const coming = given && keeping();
    const label = answer.output?.label && (value === true ? answer.output.label : kind === "correct" && value);
    said = label ? `You said ${label.replaceAll("_", " ")}. ` : "";
    try {
      const told = await call(`/api/predictions/${answer.id}/feedback`, {
        method: "POST", body: { kind, value }, headers: { ...opens(answer), "Idempotency-Key": key },
      });
      if (kind === "rate" && !given) import("./visit.js").then(({ visit }) => visit(`said ${answer.id}`, value));
      if (play.answer !== answer) return;
      if (kind === "agree" && !value) thank("neither");
      else if (sample) thank("sample");
      else if (answer.kept) thank("kept");
      else if (told?.ask_consent !== false && given) {
        const asking = await coming;
        if (play.answer === answer) asking ? asking.ask() : thank("noted");
      }
      else if (told?.thanks) thank(told.thanks);
      else if (kind !== "rate") thank("noted");
      else rated(value).focus({ preventScroll: true });
    } catch (error) {
      if (play.answer === answer) failed(error, () => say({ kind, value }, { answer, given, sample }, key));
    }
  }

  /** What asks for the photo, and ends a yes: it comes once there is a word to ask after. */
  const keeping = () => (yes ??= late(() => import("./keeping.js")).then((came) => came?.keeping(play, root, { show, tell, thank, failed }) ?? (yes = null)));

  document.querySelector("[data-stop]").addEventListener("click", async () => (await keeping())?.stop());
  for (const rate of root.querySelectorAll("[data-rate]")) {
    rate.addEventListener("click", () => say({ kind: "rate", value: rate.dataset.rate }));
  }

  return {
    /** Asks about the answer that now stands. `chips`: what one tap can say, {words, said}, or what makes something
     * larger, given `say`; an empty list where the page has its buttons; null where nothing can be said. */
    open,
    rated,
    close: () => ((said = ""), show(null)),
    thank,
  };
}

/** In a frame: the answers whose photo is kept. Nothing but this page knows whose they are. */
export const kept = [];

/** What shows that an answer is one's own; one of the pool is anyone's. */
export const opens = ({ receipt }) => (receipt ? { "X-Receipt": receipt } : {});
export const standing = (play) => (play.standing ? PURPOSES : {});
