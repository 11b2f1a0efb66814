// Keeps the page of the house's load fresh while somebody looks at it.

import { call } from "./api.js";

const [WIDTH, FLOOR, TOP] = [720, 134, 8];

/** The path of one number a second, as steps from the floor; "" where there is none. */
export function steps(values, most) {
  if (!values.some(Boolean)) return "";
  const wide = WIDTH / values.length;
  const up = (n) => (FLOOR - (n / most) * (FLOOR - TOP)).toFixed(1);
  return `M0 ${FLOOR}` + values.map((n, i) => `V${up(n)}H${((i + 1) * wide).toFixed(1)}`).join("") + `V${FLOOR}Z`;
}

function show(page, { words, bars, answered, shed }) {
  for (const [key, said] of Object.entries(words)) {
    const place = page.querySelector(`[data-told="${key}"]`);
    if (place && place.textContent !== said) place.textContent = said;
  }
  for (const [stage, share] of Object.entries(bars)) page.querySelector(`[data-bar="${stage}"]`).setAttribute("width", `${share * 100}%`);
  const most = Math.max(1, ...answered, ...shed);
  const some = [...answered, ...shed].some(Boolean);
  page.querySelector('[data-told="most"]').textContent = some ? `· the top is ${most.toLocaleString("en")} in a second` : "· nobody asked";
  for (const [name, values] of [["answered", answered], ["shed", shed]]) page.querySelector(`[data-line="${name}"]`).setAttribute("d", steps(values, most) || "M0 0");
}

async function look(page) {
  if (!document.hidden) {
    try {
      show(page, await call("/api/owner/load"));
    } catch {
      // A house that swaps its web process is away for a moment: the next look tells.
    }
  }
  setTimeout(look, 2000, page);
}

const page = globalThis.document?.querySelector("[data-busy]")?.closest(".work");
if (page) look(page);
