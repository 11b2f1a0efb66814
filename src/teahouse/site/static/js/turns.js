// When a visitor is asked to choose between two: seldom, and never often.

import { visit } from "./visit.js";

/** Two to choose from, where a challenger waits for it: after five answers, then after eight more, and no third time. */
export function due({ feedback = [] }) {
  const [seen, offered, last] = visit("pairs") ?? [0, 0, 0];
  const now = feedback.some((f) => f.between === "releases") && offered < 2 && seen - last >= (offered ? 8 : 5);
  visit("pairs", [seen + 1, offered + now, now ? seen + 1 : last]);
  return now;
}
