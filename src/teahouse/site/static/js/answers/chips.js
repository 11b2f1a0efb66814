// What takes more than one tap to say: one of many labels, a number or a text put right.

import { button } from "../word.js";

function pick(kind, ...parts) {
  const made = Object.assign(document.createElement(kind), { className: "pick" });
  made.append(...parts);
  return made;
}

/** The rest of many labels, in a list with a button of its own. */
export const list = (words) => (say) => {
  const choices = document.createElement("select");
  choices.ariaLabel = "It was something else";
  choices.append(new Option("Something else …", ""), ...words.map((word, i) => new Option(word.words, i)));
  const says = button("Say it", { disabled: true, onclick: () => say(words[choices.value].said) });
  choices.addEventListener("change", () => (says.disabled = !choices.value));
  return pick("span", choices, says);
};

/** What is right, where it is not one of a few: a number or a text, mended. */
export const mend = (value) => (say) => {
  const number = typeof value === "number";
  const given = Object.assign(document.createElement("input"), { type: number ? "number" : "text", step: "any", value, required: true, ariaLabel: "What is right" });
  const form = pick("form", given, button("Say it", { type: "submit" }));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    say({ kind: "correct", value: number ? Number(given.value) : given.value });
  });
  return form;
};
