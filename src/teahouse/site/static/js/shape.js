// The frame takes the shape of the photo in it, and what lies below slides to its new place.

const SLIDES_MS = 220;

/** Gives `frame` this ratio. Nothing jumps, however late the photo told its shape: what moves begins where it stood. */
export function reshape(root, frame, ratio) {
  const below = [...root.children].filter((each) => !each.contains(frame));
  const tops = below.map((each) => each.getBoundingClientRect().top);
  frame.style.setProperty("--ratio", ratio);
  const duration = matchMedia("(prefers-reduced-motion: reduce)").matches ? 1 : SLIDES_MS;
  below.forEach((each, i) => {
    const way = tops[i] - each.getBoundingClientRect().top;
    if (way) each.animate({ transform: [`translateY(${way}px)`, "none"] }, { duration, easing: "ease-out" });
  });
}
