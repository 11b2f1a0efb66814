// An answer that is a picture: on the stage, over the photo that it was made of where there is one.

import { alone } from "../api.js";

// of a picture of the house the browser finds it
const ENDINGS = { "image/jpeg": ".jpg", "image/png": ".png" };
const addresses = [];
let slide;

const slides = async (stage) => (slide ??= (await import("../slider.js")).open(stage));

/** Says which one it is, where it has a number and so a page of its own. */
function name(number, { seed }, app) {
  if (!number || seed === undefined) return;
  number.textContent = seed;
  number.href = alone ? `#${seed}` : `/${app}/seeds/${seed}`;
  if (location.pathname.includes("/seeds/") || (alone && location.hash)) history.replaceState(null, "", number.href);
}

/** The bytes of a data URL as a Blob; `fetch` of one is not allowed here. */
export function bytes(url) {
  const [head, text] = url.split(",");
  return new Blob([Uint8Array.from(atob(text), (c) => c.charCodeAt(0))], { type: head.slice(5).split(";")[0] });
}

/** The picture as {blob, address}: what came in the answer becomes an address, that of the house stays one. */
export function picture(answer) {
  if (!answer.address) {
    const given = answer.output.picture;
    answer.blob = given.startsWith("data:") ? bytes(given) : null;
    answer.address = answer.blob ? URL.createObjectURL(answer.blob) : given;
    if (answer.blob) addresses.push(answer.address);
    if (addresses.length > 8) URL.revokeObjectURL(addresses.shift());
  }
  return answer.address;
}

/** Puts the picture in its place once it is decoded, so that nothing flickers. */
export async function draw(root, answer, { app }, current) {
  const find = (name) => root.querySelector(`[data-${name}]`);
  const stage = find("stage"), frame = find("frame"), photo = find("photo"), made = find("made"), save = find("save"), which = find("which");
  const next = Object.assign(new Image(), { src: picture(answer) });
  await next.decode();
  if (!current()) return;
  const fresh = photo && !stage.classList.contains("both");
  // Sides that are rounded to a net's steps are no new shape: nothing below moves for two pixels.
  const ratio = next.naturalWidth / next.naturalHeight;
  if (Math.abs(getComputedStyle(frame).getPropertyValue("--ratio") / ratio - 1) > 0.02) frame.style.setProperty("--ratio", ratio);
  Object.assign(made, { src: next.src, hidden: false });
  find("bare").hidden = true;
  name(find("number"), answer, app);
  if (photo) stage.classList.add(photo.hidden ? "alone" : "both");
  if (which) which.textContent = `Another one: number ${answer.seed}.`;
  Object.assign(save, { href: next.src, download: [app, answer.seed].filter((part) => part !== undefined).join("-") + (ENDINGS[answer.blob?.type] ?? "") });
  if (fresh) (await slides(stage)).reveal();
}

export const chips = ({ feedback = [] }) => (feedback.some((said) => said.kind === "rate") ? [] : null);

const stage = globalThis.document?.querySelector("[data-stage].both");
if (stage) slides(stage).then((slide) => slide.hint());
