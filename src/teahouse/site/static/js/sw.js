// The worker that keeps the shell: static files under today's hash, and the page that says "offline". Never an answer,
// never a picture, never a page of anybody. SHELL is written before this by the house; another one is another worker.

const MINE = "shell-";

addEventListener("install", (event) => {
  skipWaiting();
  event.waitUntil(caches.open(SHELL.name).then((cache) => cache.addAll([SHELL.page, ...SHELL.first])));
});

async function settle() {
  const old = (await caches.keys()).filter((name) => name.startsWith(MINE) && name !== SHELL.name);
  await Promise.all(old.map((name) => caches.delete(name)));
  await registration.navigationPreload?.enable();
  await clients.claim();
}

addEventListener("activate", (event) => event.waitUntil(settle()));

addEventListener("fetch", (event) => {
  const { request } = event, { origin, pathname, search } = new URL(request.url);
  if (request.method !== "GET" || origin !== location.origin) return;
  if (pathname.startsWith(SHELL.at) && !search) event.respondWith(file(event));
  else if (request.mode === "navigate") event.respondWith(request.destination === "document" && !/^\/(owner|claim)(\/|$)/.test(pathname) ? page(event) : asked(event));
});

/** A static file, from what is kept. Its address changes with its content, so what is kept is never old. */
async function file(event) {
  const cache = await caches.open(SHELL.name), { url } = event.request;
  const kept = await cache.match(url);
  if (kept) return kept;
  const fresh = await fetch(event.request);
  if (fresh.ok) event.waitUntil(cache.put(url, fresh.clone()).catch(() => {})); // a full disk costs nobody the page
  return fresh;
}

/** What was asked for already: asked again, a link that opens once would be used up. */
const asked = async (event) => (await event.preloadResponse) ?? fetch(event.request);

/** A page of the house, always as it is now; without the house the one that says so. */
async function page(event) {
  try {
    return await asked(event);
  } catch {
    return (await caches.match(SHELL.page)) ?? Response.error();
  }
}
