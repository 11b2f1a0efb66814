// A yes to a photo of the visitor's: asked for once a word is said, told what came of it, ended at a tap.

import { alone, call, framed } from "./api.js";
import { kept, opens, PURPOSES } from "./word.js";

const SETTLES_MS = 600;
const KEEPING = ["Keeping it …", "It is on its way."];
const FORGOTTEN = alone ? ["It is forgotten.", "Your word alone stays."] : ["It is forgotten.", "It stays only on this page, until you leave it. Your word still counts in how well this release does."];
const STOPPED = ["Done.", "Your next photos are not kept."];

/** The question in the panel of js/word.js, which shows and tells. */
export function keeping(play, root, { show, tell, thank, failed }) {
  const part = (name) => root.querySelector(`[data-${name}]`);
  const pill = document.querySelector("[data-pill]");
  let settling;

  function ask() {
    if (part("also")) part("also").checked = false;
    show("consent");
    part("consent").querySelector("h2").focus({ preventScroll: true });
    // The yes to the photo stands where the yes to the answer stood: the second tap of a double tap is not a consent.
    for (const name of ["keep", "forget"]) part(name).setAttribute("aria-disabled", "true");
    clearTimeout(settling);
    settling = setTimeout(() => ["keep", "forget"].forEach((name) => part(name).removeAttribute("aria-disabled")), SETTLES_MS);
  }

  /** Keys are never a second tap by mistake: only a pointer has to wait. */
  const meant = (run) => (event) => (event.detail && event.currentTarget.getAttribute("aria-disabled") ? null : run());

  async function keep({ answer, given } = play) {
    if (!answer || !given || play.answer !== answer) return;
    const also = part("also")?.checked ? { "X-Consent": "keep, show, train" } : {};
    tell(KEEPING);
    try {
      const { link, thanks } = await call(`/api/predictions/${answer.id}/input`, { method: "PUT", body: given, headers: { ...opens(answer), ...PURPOSES, ...also } });
      if (!framed && !alone) stand(true);
      else if (framed && kept.push(answer)) dispatchEvent(new Event("kept"));
      if (play.answer !== answer) return;
      thank(thanks ?? "kept");
      if (framed && link) part("thanks-words").append(" ", Object.assign(document.createElement("a"), { href: link, textContent: "See it, or take it back" }));
    } catch (error) {
      if (play.answer === answer) failed(error, () => keep({ answer, given }));
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
      tell(STOPPED);
    } catch (error) {
      failed(error, stop);
    }
  }

  part("keep").addEventListener("click", meant(() => keep()));
  part("forget").addEventListener("click", meant(() => {
    play.given = null;
    tell(FORGOTTEN);
  }));
  return { ask, stop };
}
