// What the dialogs share that come on demand: their dress, and a short way to make their parts.

export function element(kind, more, ...inside) {
  const made = Object.assign(document.createElement(kind), more);
  made.append(...inside.filter(Boolean));
  return made;
}

export const button = (words, kind, onclick) => element("button", { type: "button", className: `button ${kind}`, textContent: words, onclick });

const dress = {};

/** Resolves when the style sheet of this name is there, or will not come. */
export const dressed = (sheet = "dialog") => (dress[sheet] ??= new Promise((done) => {
  document.head.append(element("link", { rel: "stylesheet", href: new URL(`../css/${sheet}.css`, import.meta.url).href, onload: done, onerror: done }));
}));
