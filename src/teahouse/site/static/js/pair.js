// Two pictures, side by side, and nobody is told which is whose: the visitor takes the one they like better, or neither.

import { picture } from "./answers/image.js";
import { call, freshKey } from "./api.js";
import { button, dressed, element } from "./dialog.js";
import { opens } from "./word.js";

const PATIENCE_MS = 6000;
let shut = () => {};

export const close = () => shut();

async function decoded(answer) {
  const image = element("img", { src: picture(answer), alt: "" });
  await image.decode();
  return image;
}

/** Offers `answer` beside another one to the same input. Resolves to {answer, said}: what is to be shown now, and if the
 * visitor chose. Where the other one does not come, the first is shown as ever. */
export async function offer(answer, post, current) {
  let other, images;
  const two = Math.random() < 0.5;
  try {
    const late = new Promise((_, no) => setTimeout(no, PATIENCE_MS, "late"));
    other = await Promise.race([post({ "X-Beside": answer.id, ...opens(answer) }, freshKey()), late]);
    [images] = await Promise.all([Promise.all([answer, other].map(decoded)), dressed()]);
  } catch {
    return { answer };
  }
  if (!current() || !other.feedback.some((f) => f.between === "releases")) return { answer }; // the challenger may have gone meanwhile
  const sides = two ? [other, answer] : [answer, other];
  const chosen = await ask(two ? images.reverse() : images);
  if (chosen === null) return { answer };
  const [winner, loser] = chosen ? [sides[1], sides[0]] : sides;
  call(`/api/predictions/${winner.id}/feedback`, {
    method: "POST", body: { kind: "choose", value: true, other: loser.id, pair: other.pair },
    headers: { ...opens(winner), ...(loser.receipt ? { "X-Other-Receipt": loser.receipt } : {}), "Idempotency-Key": freshKey() },
  }).catch(() => {}); // a choice that is lost costs nobody anything
  return { answer: winner, said: true };
}

/** The two and the question, in a dialog. Resolves to 0, 1, or null for neither. */
function ask(images) {
  const buttons = images.map((image, i) => element("button", { type: "button", ariaLabel: `The ${i ? "second" : "first"} one`, onclick: () => dialog.close(String(i)) }, image, element("kbd", { textContent: i + 1 })));
  const wide = images[0].naturalWidth > images[0].naturalHeight * 1.15;
  const head = element("h2", { id: "pair-head", tabIndex: -1, textContent: "Which of these two do you like better?" });
  const skip = button("Skip", "", () => dialog.close(""));
  const dialog = element("dialog", { className: "ask card choose" }, head, element("div", { className: `pair${wide ? " wide" : ""}` }, ...buttons), element("div", { className: "row" }, skip));
  dialog.setAttribute("aria-labelledby", head.id);
  dialog.addEventListener("keydown", ({ key, ctrlKey, metaKey, altKey }) => {
    if ((key === "1" || key === "2") && !(ctrlKey || metaKey || altKey)) dialog.close(String(key - 1));
  });
  document.body.append(dialog);
  dialog.showModal();
  head.focus();
  shut = () => dialog.close("");
  return new Promise((choose) => {
    dialog.addEventListener("close", () => {
      shut = () => {};
      dialog.remove();
      choose(dialog.returnValue === "" ? null : Number(dialog.returnValue));
    });
  });
}
