// What a visitor says where no house stands behind the page: kept in this browser, until it is sent or forgotten.

import { pack } from "./zip.js";

const MOST_LINES = 20; // that a prefilled issue holds: longer addresses are cut
export const THANKS = ["Thank you.", "It is kept in this browser, where other pages of this address could read it. Below you can send it to the maker, or forget it."];
let name, kept = [];

/** Reads what is kept for this app; a browser that keeps nothing remembers while the page is open. */
export function open(app) {
  name = `teahouse ${location.pathname.replace(/index\.html$/, "")} ${app}`; // an address may hold many pages, of many repositories
  try {
    kept = JSON.parse(localStorage.getItem(name)) ?? [];
  } catch {
    kept = [];
  }
  dispatchEvent(new Event("said"));
}

function write() {
  let whole = true;
  try {
    localStorage.setItem(name, JSON.stringify(kept));
  } catch {
    whole = false;
  }
  dispatchEvent(new Event("said"));
  return whole;
}

export const all = () => kept;

export function add(word) {
  kept = [...kept.filter(({ id, said }) => id !== word.id || said.kind !== word.said.kind), word];
  write();
  return word;
}

/** The photo beside the word, as a data URL; false where the browser has no room. */
export function addPhoto(word, photo) {
  if (!word) return false;
  word.photo = photo;
  if (write()) return true;
  delete word.photo;
  write();
  return false;
}

export function forget() {
  kept = [];
  write();
}

/** What an answer was made of and what it was, but for files. */
export function plain({ values, output }) {
  return { inputs: Object.fromEntries(Object.entries(values).filter(([, value]) => !(value instanceof Blob))), output };
}

const right = ({ said, output }) => (said.kind === "agree" ? output.label : said.value);
const safe = (words) => String(words).replaceAll(/[^\p{L}\p{N} ._-]/gu, "_").slice(0, 40) || "photos";

/** A zip: words.json, and each photo in a folder named as what is right: folders that `data=Folder(…)` reads. */
export async function file() {
  const entries = [], lines = [];
  for (const { photo, ...word } of kept) {
    if (photo) {
      word.photo = `${safe(right(word))}/${safe(word.id)}.jpg`;
      entries.push([word.photo, Uint8Array.from(atob(photo.split(",")[1]), (c) => c.charCodeAt(0))]);
    }
    lines.push(word);
  }
  return pack([["words.json", new TextEncoder().encode(JSON.stringify(lines, null, 1))], ...entries]);
}

/** The address of an issue with all that was said, in words, ready to be sent. */
export function issue(repository, title) {
  const lines = kept.slice(-MOST_LINES).map((word) => {
    const what = Object.entries(word.inputs).map(([key, value]) => `${key} ${value}`).join(", ") || "a photo";
    const said = word.said.kind === "correct" && word.output.label ? `it said ${word.output.label}, right is ${word.said.value}` : `${word.said.kind}: ${right(word)}`;
    return `- ${what}: ${said} (release ${String(word.release).slice(0, 12)})`;
  });
  const body = ["What I said while playing:", "", ...lines, "", "(The photos that I agreed to send are in the file that I saved there; I can drop it here.)"].join("\n");
  return `${repository}/issues/new?${new URLSearchParams({ title: `Words on "${title}"`, body })}`;
}

// ---- to a house elsewhere ------------------------------------------------------------------------------------------

const json = (told) => {
  const body = JSON.stringify(told), headers = { "Content-Type": "application/json" };
  return { body, headers, response: new Response(body, { headers }) };
};

async function ask(url, { headers, ...more }) {
  return fetch(url, { method: "POST", credentials: "omit", ...more, headers: { Accept: "application/json", ...headers } });
}

/** A word goes to the house with what it is about, for that house has not seen it: it answers first, then it hears. */
export async function carry(home, app, answer, { kind, value }) {
  if (!answer.there) {
    const { body = JSON.stringify(answer.values) } = answer, type = body instanceof Blob ? body.type || "image/jpeg" : typeof body === "string" ? "application/json" : null;
    const response = await ask(`${home}/api/apps/${app}/predictions`, { body, headers: type ? { "Content-Type": type } : {} });
    if (!response.ok) return response;
    answer.there = await response.json();
  }
  const { id, receipt, output } = answer.there;
  const other = kind === "agree" && answer.output.label && answer.output.label !== output?.label; // another release stands there
  const said = other ? { kind: "correct", value: answer.output.label } : { kind, value };
  const { body, headers } = json(said), response = await ask(`${home}/api/predictions/${id}/feedback`, { body, headers: { ...headers, "X-Receipt": receipt } });
  if (!response.ok) return response;
  // That house lets nobody but its own page say that a photo may be kept.
  return json({ ask_consent: false, thanks: [THANKS[0], `Your word is with ${new URL(home).host}.`] }).response;
}
