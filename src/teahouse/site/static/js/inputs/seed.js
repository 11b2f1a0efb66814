// A seed: nobody types one, each tap draws another. The house keeps some ready, so that the next one is there at once.

import { call } from "../api.js";

// longer than that a tap waits for no pool: the house draws one
const POOL_MS = 300;
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

  /** One that is ready, or undefined. */
  async function next() {
    if (alone && !stock.length) await Promise.race([fill(), new Promise((late) => setTimeout(late, POOL_MS))]);
    const ready = stock.shift();
    seed = ready?.seed;
    fill();
    return ready && { ...ready, output: { picture: ready.picture } };
  }

  // the page waits from the tap on
  const again = () => ask({ fresh: true, answer: next() });

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
