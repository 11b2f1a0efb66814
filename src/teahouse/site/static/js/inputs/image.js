// A photo: chosen, taken, dropped, pasted, or one of the house's own that a tap answers.

import { late } from "../late.js";

// What makes a photo fit to send, and its frame fit for it. They come once the page is usable, before a hand can be
// there with a photo.
const shrink = () => import("../photo.js"), shape = () => import("../shape.js");

/** A photo of the house. Its address is good for some hours only: a page that stood open longer has to be loaded anew. */
async function sample(address) {
  const response = await fetch(address);
  const old = response.status === 404;
  if (old) throw { what: "This photo is not here any more.", do_next: "The page stood open for long. Reload it, then tap again.", old };
  if (!response.ok) throw { what: "The site could not show this photo.", do_next: "Try again in a moment." };
  return response.blob();
}

export function open(place, { root, ask }) {
  const { side, bytes } = root.dataset;
  // a second photo has a small place of its own
  const thumb = place.querySelector("[data-thumb]");
  const find = (name) => root.querySelector(`[data-${name}]`);
  const stage = find("stage"), frame = find("frame"), photo = find("photo"), cups = thumb ? [] : [...root.querySelectorAll("[data-sample]")];
  let file = null, house = cups.find((cup) => cup.ariaPressed === "true")?.dataset.sample, address, made, good;
  const shown = () => (thumb ?? photo).src, looks = () => ["both", "alone"].filter((each) => stage.classList.contains(each));
  if (house) good = { file, house, url: shown(), words: photo.alt, ratio: "", looks: looks() };

  function show(url, words) {
    if (thumb) return Object.assign(thumb, { src: url, hidden: false, alt: words });
    stage.classList.remove("both", "alone");
    stage.classList.add("coming");
    find("bare").hidden = true;
    for (const image of [find("wash"), photo]) Object.assign(image, { src: url, hidden: false });
    photo.alt = words;
    frame.scrollIntoView({ block: "nearest" });
  }

  /** Without a line to the script that does it the frame stays as it is: the photo is whole in it all the same. */
  async function fit(image) {
    (await shape().catch(() => null))?.reshape(root, frame, image);
    stage.classList.remove("coming");
  }

  function press(cup) {
    for (const other of cups) other.ariaPressed = String(other === cup);
  }

  function take(given) {
    if (address !== good?.url) URL.revokeObjectURL(address);
    address = URL.createObjectURL(given);
    [file, house, made] = [given, null, null];
    press(null);
    show(address, "Your photo");
    ask({ fresh: true });
  }

  for (const cup of cups) {
    cup.addEventListener("click", () => {
      [file, house, made] = [null, cup.dataset.sample, null];
      press(cup);
      show(house, cup.firstElementChild.alt);
      // at once, with the tap: the photo itself may be long on its way
      fit(cup.firstElementChild);
      ask({ fresh: true });
    });
  }
  for (const input of place.querySelectorAll("[data-give]")) {
    input.addEventListener("change", () => {
      if (input.files[0]) take(input.files[0]);
      input.value = "";
    });
  }
  if (!thumb) import("../dropped.js").then(({ dropped }) => dropped(root, take), () => {});
  (window.requestIdleCallback ?? setTimeout)(() => Promise.allSettled([shrink(), shape()]));

  const camera = place.querySelector("[data-camera]");
  // a page that holds this one in a frame says so
  const closed = document.featurePolicy?.allowsFeature("camera") === false;
  if (camera && !closed && isSecureContext && navigator.mediaDevices?.getUserMedia) {
    camera.hidden = false;
    place.classList.add("live");
    camera.addEventListener("click", async () => (await late(() => import("../camera.js")))?.open(take));
  }

  if (!thumb) {
    // A photo the browser can not paint (HEIC on most) is still sent or refused in words; its frame stays calm.
    photo.addEventListener("error", () => {
      for (const image of [find("wash"), photo]) image.hidden = true;
      find("bare").hidden = false;
    });
    photo.addEventListener("load", () => {
      if (!stage.classList.contains("both")) fit(photo);
    });
  }

  return {
    photo: true,
    take,
    ready: () => Boolean(file || house),
    own: () => Boolean(file),
    /** What now stands has its answer. */
    settle() {
      const old = good?.url;
      good = { file, house, made, url: shown(), words: (thumb ?? photo).alt, ratio: frame.style.getPropertyValue("--ratio"), looks: looks() };
      if (old !== good.url) URL.revokeObjectURL(old);
    },
    /** Puts back what last had an answer; false where nothing had. */
    back() {
      if (!good) return false;
      ({ file, house, made } = good);
      press(cups.find((cup) => cup.dataset.sample === house));
      show(good.url, good.words);
      if (thumb) return true;
      stage.classList.remove("coming");
      stage.classList.add(...good.looks);
      frame.style.setProperty("--ratio", good.ratio);
      return true;
    },
    value: () => {
      made ??= (file ? shrink().then(({ ready }) => ready(file, Number(side), Number(bytes))) : sample(house)).catch((error) => {
        made = null;
        throw error;
      });
      return made;
    },
  };
}
