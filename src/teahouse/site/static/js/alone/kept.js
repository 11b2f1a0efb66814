// What the browser keeps of a page that stands alone: what runs the model and the model, by addresses that change with them.

const KEPT = "teahouse-engine", OURS = /^(?:engine|model)\//;

const cache = () => globalThis.caches?.open(KEPT).catch(() => null);

export const match = async (address) => (await cache())?.match(address);

export const put = async (address, response) => (await cache())?.put(address, response);

/** Drops what an older build of the page at `base` left, but for these addresses; other pages of the origin keep theirs. */
export async function tidy(base, addresses) {
  const kept = await cache(), folder = new URL(".", base).href, used = new Set(addresses);
  for (const { url } of (await kept?.keys()) ?? []) {
    if (url.startsWith(folder) && OURS.test(url.slice(folder.length)) && !used.has(url)) await kept.delete(url);
  }
}
