// The visitor's word on an answer: one tap to say it, one question about the photo, thanks that say what happens next.

import { call, freshKey } from "./api.js";

const PURPOSES = { "X-Consent": "keep, train" };
const SETTLES_MS = 600;
const LEARNS = "It goes to the owner first. Once accepted, the next release learns from it.";
const THANKS = {
  keeping: ["Keeping it …", "It is on its way to the house."],
  kept: ["Thank you. It is kept.", LEARNS],
  noted: ["Thank you.", "Your word counts in how well this release does."],
  forgotten: ["It is forgotten.", "Nothing of your photo stays here. Your word still counts in how well this release does."],
  sample: ["Thank you.", "That was one of the house's own photos. Now one of yours?"],
  stopped: ["Done.", "Your next photos are not kept."],
};

/** The panel under the answer. `play.answer` and `play.blob` are the ones on the page; `play.standing` may be set here.
 * What is said of an answer goes with that answer, and what comes of it is shown while that answer stands. */
export function panel(play, root) {
  const part = (name) => root.querySelector(`[data-${name}]`);
  const parts = ["ask", "own", "consent", "thanks"];
  const pill = document.querySelector("[data-pill]");
  let settling;

  function show(name) {
    for (const p of parts) part(p).hidden = p !== name;
    for (const below of [pill, root]) if (name === "consent" || name === "thanks") below.scrollIntoView({ block: "nearest" });
  }

  function thank(kind) {
    const [head, words] = THANKS[kind];
    part("thanks-head").textContent = head;
    part("thanks-words").textContent = words;
    show("thanks");
    part("thanks-head").focus({ preventScroll: true });
  }

  function failed(error, again) {
    part("thanks-head").textContent = error.what;
    part("thanks-words").textContent = `${error.do_next ?? ""} `;
    const retry = Object.assign(document.createElement("button"), { className: "button", type: "button", textContent: "Try again" });
    retry.addEventListener("click", again, { once: true });
    if (!error.final) part("thanks-words").append(document.createElement("br"), retry);
    show("thanks");
    part("thanks-head").focus({ preventScroll: true });
  }

  async function say({ kind, value }, { answer, blob, sample } = play, key = freshKey()) {
    if (!answer || play.answer !== answer) return;
    for (const chip of part("chips").querySelectorAll("button, select")) chip.disabled = true;
    try {
      const said = await call(`/api/predictions/${answer.id}/feedback`, {
        method: "POST", body: { kind, value }, headers: { "X-Receipt": answer.receipt, "Idempotency-Key": key },
      });
      if (play.answer !== answer) return;
      if (sample) thank("sample");
      else if (answer.kept) thank("kept");
      else if (said?.ask_consent !== false && blob) ask();
      else thank("noted");
    } catch (error) {
      if (play.answer === answer) failed(error, () => say({ kind, value }, { answer, blob, sample }, key));
    }
  }

  function ask() {
    show("consent");
    part("consent").querySelector("h2").focus({ preventScroll: true });
    // The yes to the photo stands where the yes to the answer stood: the second tap of a double tap is not a consent.
    for (const name of ["keep", "forget"]) part(name).setAttribute("aria-disabled", "true");
    clearTimeout(settling);
    settling = setTimeout(() => ["keep", "forget"].forEach((name) => part(name).removeAttribute("aria-disabled")), SETTLES_MS);
  }

  /** Keys are never a second tap by mistake: only a pointer has to wait. */
  const meant = (run) => (event) => (event.detail && event.currentTarget.getAttribute("aria-disabled") ? null : run());

  async function keep({ answer, blob } = play) {
    if (!answer || !blob || play.answer !== answer) return;
    thank("keeping");
    try {
      await call(`/api/predictions/${answer.id}/input`, {
        method: "PUT", body: blob, headers: { "X-Receipt": answer.receipt, "Content-Type": blob.type, ...PURPOSES },
      });
      stand(true);
      if (play.answer === answer) thank("kept");
    } catch (error) {
      if (play.answer === answer) failed(error, () => keep({ answer, blob }));
    }
  }

  function stand(on) {
    play.standing = on;
    pill.hidden = !on;
  }

  async function stop() {
    try {
      await call("/api/mine/consent", { method: "DELETE" });
      stand(false);
      thank("stopped");
    } catch (error) {
      failed(error, stop);
    }
  }

  part("keep").addEventListener("click", meant(() => keep()));
  part("forget").addEventListener("click", meant(() => {
    play.blob = null;
    thank("forgotten");
  }));
  document.querySelector("[data-stop]").addEventListener("click", stop);
  return {
    /** Asks about the answer that now stands: one chip a word, the rest in a list. */
    open({ first, more }) {
      const chips = first.map((word) => {
        const chip = Object.assign(document.createElement("button"), { className: "button", type: "button", textContent: word.words });
        chip.addEventListener("click", () => say(word));
        return chip;
      });
      if (more.length) {
        const list = document.createElement("select");
        list.setAttribute("aria-label", "It was something else");
        list.append(new Option("Something else …", ""), ...more.map((word, i) => new Option(word.words, i)));
        const button = Object.assign(document.createElement("button"), { className: "button", type: "button", textContent: "Say it", disabled: true });
        list.addEventListener("change", () => (button.disabled = !list.value));
        button.addEventListener("click", () => say(more[list.value]));
        const pick = Object.assign(document.createElement("span"), { className: "pick" });
        pick.append(list, button);
        chips.push(pick);
      }
      part("chips").replaceChildren(...chips);
      show(chips.length ? "ask" : "own");
    },
    close: () => show(null),
  };
}

export const standing = (play) => (play.standing ? PURPOSES : {});
