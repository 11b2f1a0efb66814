// The frame takes the shape of the photo in it, and what lies below slides to its new place.

const SLIDES_MS = 220;

/** Gives `frame` the shape of `image`, where what is made of it will have no other. Nothing jumps, however late the shape
 * was known: what moves begins where it stood. */
export function reshape(root, frame, { naturalWidth, naturalHeight }) {
  if (!naturalWidth || (root.dataset.view === "image" && !frame.querySelector(".keep"))) return;
  const below = [...root.children, document.querySelector(".foot")].filter((each) => !each.contains(frame));
  const tops = below.map((each) => each.getBoundingClientRect().top);
  frame.style.setProperty("--ratio", naturalWidth / naturalHeight);
  const duration = matchMedia("(prefers-reduced-motion: reduce)").matches ? 1 : SLIDES_MS;
  below.forEach((each, i) => {
    const way = tops[i] - each.getBoundingClientRect().top;
    if (way) each.animate({ transform: [`translateY(${way}px)`, "none"] }, { duration, easing: "ease-out" });
  });
}
