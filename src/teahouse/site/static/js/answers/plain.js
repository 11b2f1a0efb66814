// Any other output in words, and what can be said of it: that it was right, or what is right.

import { mend } from "./chips.js";

const read = (output) => (typeof output === "object" && output ? (output.text ?? output.number ?? JSON.stringify(output)) : output);

export function draw(root, { output }) {
  const value = read(output);
  root.querySelector("[data-text]").textContent = typeof value === "number" ? String(Number(value.toPrecision(4))) : value;
}

export function chips({ output, receipt, feedback = [] }) {
  const said = (kind) => receipt && feedback.some((each) => each.kind === kind);
  const value = read(output);
  if (said("correct") && value !== undefined) return [{ words: "Yes", said: { kind: "correct", value } }, mend(value)];
  return said("agree") ? [{ words: "Yes", said: { kind: "agree", value: true } }] : null;
}
