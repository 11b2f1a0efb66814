// An answer of a Labels output: its words, a bar a label, and the chips that say it back.

const SVG = "http://www.w3.org/2000/svg";

export const spoken = (label) => label.replaceAll("_", " ").replace(/^./, (c) => c.toUpperCase());
export const sure = (confidence, list) => list.find(([floor]) => confidence >= floor)[1];

export function percent(share) {
  const whole = Math.round(share * 100);
  return whole === 100 && share < 1 ? "99 %" : whole === 0 && share > 0 ? "< 1 %" : `${whole} %`;
}

/** Writes the answer into the places that the page has for it. */
export function draw(root, { output, confidence }, { labels, sureness }) {
  root.querySelector("[data-label]").textContent = spoken(output.label);
  root.querySelector("[data-sure]").textContent = sure(confidence, sureness);
  const shown = labels.length <= 5 ? labels : ranked(output.scores).slice(0, 5);
  const list = root.querySelector("[data-bars]");
  while (list.children.length < shown.length) list.append(bar());
  while (list.children.length > shown.length) list.lastChild.remove();
  shown.forEach((label, i) => {
    const [name, drawn, share] = list.children[i].children;
    list.children[i].classList.toggle("first", label === output.label);
    name.textContent = spoken(label);
    drawn.firstElementChild.setAttribute("width", `${(output.scores[label] * 100).toFixed(1)}%`);
    share.textContent = percent(output.scores[label]);
  });
}

const UNSURE = 0.6; // below, the page calls it "only a guess"
const OPEN = "I am unsure about this one: what is it?";

/** What one tap can say, the likeliest first; past six words the rest in a list. Of two, or of what it has never seen,
 * none may be right. Where the answer is only a guess, the page asks what it is and not whether that was right: a guess
 * should not lead who knows better. */
export async function chips({ output, receipt, familiar, confidence }, { labels }) {
  if (!receipt) return null;
  const others = labels.length <= 5 ? labels : ranked(output.scores);
  const none = { words: labels.length === 2 ? "Neither" : "None of these", quiet: true, said: { kind: "agree", value: false } };
  if (familiar === false || confidence < UNSURE) {
    const named = others.map((l) => ({ words: spoken(l), said: l === output.label ? { kind: "agree", value: true } : { kind: "correct", value: l } }));
    const rest = named.splice(6);
    return Object.assign([...named, ...(rest.length ? [(await import("./chips.js")).list(rest)] : []), none], { question: OPEN });
  }
  const wrong = others.filter((l) => l !== output.label).map((l) => ({ words: `It was ${l.replaceAll("_", " ")}`, said: { kind: "correct", value: l } }));
  const more = wrong.splice(5);
  return [
    { words: "Yes", said: { kind: "agree", value: true } }, ...wrong,
    ...(more.length ? [(await import("./chips.js")).list(more)] : []), ...(labels.length === 2 ? [none] : []),
  ];
}

const ranked = (scores) => Object.keys(scores).sort((a, b) => scores[b] - scores[a]);

function bar() {
  const item = document.createElement("li");
  const [name, share] = ["name", "share"].map((kind) => Object.assign(document.createElement("span"), { className: kind }));
  const drawn = document.createElementNS(SVG, "svg");
  drawn.setAttribute("aria-hidden", "true");
  const rect = drawn.appendChild(document.createElementNS(SVG, "rect"));
  for (const [key, value] of [["height", "100%"], ["rx", "5"], ["width", "0"]]) rect.setAttribute(key, value);
  item.append(name, drawn, share);
  return item;
}
