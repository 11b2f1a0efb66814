// A seed: nobody types one, each tap draws another. The house keeps some ready, so that the next one is there at once.

import { call } from "../api.js";

const IDLE = "button, a, input, select, textarea, summary, label, dialog";

export function open(place, { root, ask, app }) {
  const button = place.querySelector("[data-again]");
  const alone = root.querySelectorAll("[data-input]").length === 1;
  let seed = root.dataset.seed ? Number(root.dataset.seed) : undefined, stock = [], coming;

  /** Fills the stock, and has the browser fetch the next picture. */
  async function fill() {
    if (!alone) return;
    if (!stock.length) {
      coming ??= call(`/api/apps/${app}/pool`).then((told) => told.items, () => []).finally(() => (coming = null));
      stock = await coming;
    }
    if (stock.length) new Image().src = stock[0].picture;
  }

  async function again() {
    if (!stock.length) await fill();
    const ready = stock.shift();
    seed = ready?.seed;
    ask({ fresh: true, answer: ready && { ...ready, output: { picture: ready.picture } } });
    fill();
  }

  button.addEventListener("click", again);
  addEventListener("keydown", (event) => {
    const free = !event.target.closest?.(IDLE) && !document.querySelector("dialog[open]");
    if (!alone || !free || event.repeat || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key !== " " && event.key !== "Enter") return;
    event.preventDefault();
    again();
  });
  (window.requestIdleCallback ?? setTimeout)(fill);

  return {
    ready: () => true,
    own: () => false,
    value: () => seed,
    heard: (answer) => (seed = answer.seed ?? seed),
  };
}
