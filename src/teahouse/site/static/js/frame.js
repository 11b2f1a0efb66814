// In a frame of another site's page: says how high the page is, and takes back what was kept, for no cookie tells whose it is.

import { call } from "./api.js";
import { kept, opens } from "./word.js";

const tell = () => parent.postMessage({ teahouse: Math.ceil(document.body.getBoundingClientRect().height) }, "*");
new ResizeObserver(tell).observe(document.body);
addEventListener("message", ({ source, data }) => source === parent && data?.teahouse === "?" && tell());

const place = document.querySelector("[data-kept]"), button = place.firstElementChild;

function show() {
  place.hidden = !kept.length;
  button.textContent = kept.length === 1 ? "Take back what I let it keep" : `Take back the ${kept.length} things I let it keep`;
}

button.addEventListener("click", async () => {
  for (const answer of kept.splice(0)) {
    const gone = call(`/api/predictions/${answer.id}`, { method: "DELETE", headers: opens(answer) });
    await gone.catch((error) => error.status === 404 || kept.push(answer));
  }
  show();
});
addEventListener("kept", show);
