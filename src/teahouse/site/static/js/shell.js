// Lets the browser keep the shell of the site, so that it can be installed and says in its own words that it is offline.
// Browsers allow it on https and on this machine alone; elsewhere nothing is missing.

async function keep() {
  // without a policy of this name no script may say which worker runs
  const url = window.trustedTypes ? trustedTypes.createPolicy("shell", { createScriptURL: () => "/sw.js" }).createScriptURL("") : "/sw.js";
  await navigator.serviceWorker.register(url, { updateViaCache: "none" });
}

if (isSecureContext && navigator.serviceWorker && top === self) {
  const idle = window.requestIdleCallback ?? setTimeout;
  // who forbids it, or is full, plays on without
  const begin = () => idle(() => keep().catch(() => {}));
  if (document.readyState === "complete") begin();
  else addEventListener("load", begin, { once: true });
}
