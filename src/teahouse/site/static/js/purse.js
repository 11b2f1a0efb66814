// Where answers are counted: what is left of them, and what is said in place of one where nothing is.

import { framed } from "./api.js";
import { buys } from "./buy.js";
import { dressed, element } from "./dialog.js";
import { forget, keep, putBack } from "./gave.js";

const SOON_S = 60; // a refusal that passes sooner is no end of the day
const number = (n) => n.toLocaleString("en");

/** What is left, in words; site/offer.py says it the same way. `each`: free ones of a day. */
export function words({ free, credits }, each) {
  const onPass = credits ? `${number(credits)} left on your pass` : "";
  if (free) return [`${number(Math.min(free, each))} free today`, onPass].filter(Boolean).join(" · ");
  return onPass || (each ? "None left today" : "Answers come from a pass");
}

/** When it begins again, by the reader's own clock. */
export function when(seconds, now = new Date()) {
  const then = new Date(now.getTime() + seconds * 1000), tomorrow = new Date(now);
  tomorrow.setDate(now.getDate() + 1);
  const at = then.toLocaleTimeString(undefined, { hour: "2-digit", minute: "2-digit" });
  if (then.toDateString() === now.toDateString()) return `at ${at}`;
  if (then.toDateString() === tomorrow.toDateString()) return then.getHours() || then.getMinutes() ? `tomorrow, from ${at}` : "tomorrow";
  return `on ${then.toLocaleDateString(undefined, { day: "numeric", month: "long" })}`;
}

/** The heading and the sentence of the card; `offer` is "50 more for 2.00 EUR", or "" where nothing is sold. */
export function said(error, each, offer) {
  const back = error.retry_after ? when(error.retry_after) : "tomorrow";
  if (error.code === "closed-for-today") return [error.what, `${error.why} It opens again ${back}.`];
  if (!each) return [error.what, offer ? `Get ${offer}.` : ""];
  const had = each === 1 ? "That was today's free one." : `That was today's ${number(each)} for free.`;
  return [had, `Come back ${back}${offer ? `, or get ${offer}` : ""}.`];
}

export async function open(root, { app, inputs, opened }) {
  const line = root.querySelector("[data-left]"), { free, more, price, seller, trial } = line.dataset, each = Number(free);
  const offer = price ? `${number(Number(more))} more for ${price}` : "";
  const head = element("h2", {}), next = element("p", {}), note = element("p", { className: "soft small" }), trouble = element("p", { className: "trouble", role: "alert", hidden: true });
  const link = (href, textContent, className = "") => element("a", { href, textContent, className });
  const buy = price && element("button", { type: "button", className: "button main buy" }, element("span", { textContent: `Get ${offer}` }), trial && element("small", { textContent: trial }));
  const row = element("div", { className: "row" }), fine = element("p", { className: "fine" });
  const card = element("section", { className: "spent card" }, element("div", { role: "alert" }, head, next), row, trouble, note, fine);
  if (buy) buys(buy, app, (said) => Object.assign(trouble, { textContent: said, hidden: false }));

  function dress(closed) {
    const pass = buy && link(`/pass?app=${app}`, "I have a pass", "quiet");
    row.replaceChildren(...(framed ? [link(`/${app}`, "Go on at its own page", "button")] : [!closed && buy, pass]).filter(Boolean));
    row.hidden = !row.childElementCount;
    fine.hidden = !buy || closed;
    fine.replaceChildren(`Sold by ${seller}. You pay once: no subscription, no account, and what you do not use today is there tomorrow. `, link("/refunds", "Refunds"), " ", link("/terms", "Terms"), " ", link("/tax", "Tax"));
  }

  /** Shows the card where the refusal is one of these; else it is told as any other. `current`: whether it is still
   * about what stands on the page. */
  async function spent(error, current) {
    const closed = error.code === "closed-for-today";
    if (!closed && (error.code !== "no-credit" || error.retry_after < SOON_S)) return false;
    const [kept] = await Promise.all([framed ? null : keep(root, app, inputs), dressed("buy")]);
    if (!current()) return true;
    [head.textContent, next.textContent] = said(error, each, offer);
    trouble.hidden = true;
    note.hidden = kept === null;
    note.textContent = kept ? "What you gave waits on this page until you are back." : "This browser can not keep what you gave: give it again when you are back.";
    dress(closed);
    if (!closed) tell({ free: 0, credits: 0 });
    const answer = root.querySelector("[data-answer]");
    if (!card.isConnected) answer.append(card);
    answer.dataset.state = "spent";
    card.scrollIntoView({ block: "nearest" });
    return true;
  }

  function tell(left) {
    line.firstElementChild.textContent = words(left, each);
    if (price) line.lastElementChild.textContent = left.credits ? "Get more" : `Get ${offer}`;
  }

  await opened;
  return {
    gave: !framed && putBack(root, app, inputs),
    spent,
    /** An answer came: what it left. */
    told({ left }) {
      forget(app);
      card.remove();
      if (left) tell(left);
    },
  };
}
