// What Enter takes in the owner's queue, and what the page outlines, so that both are always the same.

/** One of `choices`, "" for the visitor's own word where there are none to choose from, null for nothing. A visitor's
 * word comes before the guess: who said something has looked. Where visitors differ on photos that look alike, or one
 * was drawn by lot, the owner must look too. */
export function outlined({ held, guess, word, like = [] }, choices) {
  if (held) return null;
  const said = new Set([word, ...like.map((one) => one.word)].filter(Boolean));
  if (!choices.length) return said.size ? "" : null; // each takes what its own visitor said
  const [one = guess?.label] = said;
  return said.size < 2 && choices.includes(one) ? one : null;
}
