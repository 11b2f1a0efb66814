// Any other output: words or a picture, and yes or no to it.

export function draw(root, { output }) {
  const picture = typeof output === "string" && /^(data:image\/|\/media\/)/.test(output) ? output : output?.picture;
  const made = root.querySelector("[data-made]");
  made.hidden = !picture;
  if (picture) made.src = picture;
  root.querySelector("[data-text]").textContent = picture ? "" : typeof output === "string" ? output : JSON.stringify(output);
}

export function chips({ feedback = [] }) {
  const agree = feedback.find((f) => f.kind === "agree");
  return { first: agree ? [{ words: "Yes", kind: "agree", value: true }] : [], more: [] };
}
