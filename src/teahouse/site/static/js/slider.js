// Before and after: a hand slides across the picture, keys move the range that lies beneath.

import { visit } from "./visit.js";

// most of it shows what was made
const REST = 36;

export function open(stage) {
  const range = stage.querySelector("[data-split]");

  function to(share) {
    range.value = Math.round(Math.min(100, Math.max(0, share)));
    stage.style.setProperty("--at", `${range.value}%`);
    range.ariaValueText = `${100 - range.value} % of it is what was made`;
  }

  function play(name) {
    stage.classList.remove("reveal", "hint");
    // or the browser would not begin anew
    void stage.offsetWidth;
    stage.classList.add(name);
  }

  const at = (event) => {
    const box = stage.getBoundingClientRect();
    stage.classList.remove("reveal", "hint");
    to(((event.clientX - box.left) / box.width) * 100);
  };
  stage.addEventListener("pointerdown", (event) => {
    if (!stage.classList.contains("both") || event.button) return;
    event.preventDefault();
    range.focus({ preventScroll: true, focusVisible: false });
    stage.setPointerCapture(event.pointerId);
    at(event);
  });
  stage.addEventListener("pointermove", (event) => stage.hasPointerCapture(event.pointerId) && at(event));
  range.addEventListener("input", () => to(range.value));
  stage.addEventListener("animationend", () => stage.classList.remove("reveal", "hint"));

  return {
    /** The photo first, then what was made of it comes over it. */
    reveal() {
      to(REST);
      play("reveal");
    },
    /** A small sway, once a visit, that says: this moves. */
    hint: () => visit("hinted") ?? (visit("hinted", true), play("hint")),
  };
}
