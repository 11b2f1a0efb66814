// A button that asks the API: once, after a question where it matters, with the refusal told in place.

import { call, freshKey } from "./api.js";

const dialog = document.querySelector("[data-dialog]");
const note = document.querySelector("[data-note]");

/** True once the visitor said yes in the dialog. */
function sure(button) {
  const part = (name) => dialog.querySelector(`[data-${name}]`);
  part("head").textContent = button.dataset.confirm;
  part("words").textContent = button.dataset.why;
  part("yes").textContent = button.textContent;
  const main = button.classList.contains("main"), bad = button.classList.contains("bad") || button.dataset.act.startsWith("DELETE");
  part("yes").className = `button ${main ? "main" : bad ? "bad" : ""}`;
  dialog.showModal();
  part(main ? "yes" : "no").focus();
  return new Promise((answer) => {
    part("yes").onclick = () => dialog.close("yes");
    part("no").onclick = () => dialog.close("");
    dialog.onclose = () => answer(dialog.returnValue === "yes");
    dialog.returnValue = "";
  });
}

export function tell(words) {
  note.hidden = false;
  note.textContent = words;
}

/** Waits for a job to end, then takes the file that it made. */
async function download(job, button) {
  for (;;) {
    const { state, detail } = await call(`/api/owner/jobs/${job}`);
    if (state === "done") break;
    if (state === "failed" || state === "refused") throw { what: "The export did not work.", do_next: detail?.do_next ?? detail?.what };
    tell("The export is being made …");
    await new Promise((go) => setTimeout(go, 700));
  }
  button.disabled = false;
  tell("Here it comes.");
  location.assign(`/api/owner/jobs/${job}/file`);
}

async function act(button) {
  if (button.dataset.confirm && !(await sure(button))) return;
  const [method, path] = button.dataset.act.split(" ");
  const body = button.dataset.body && JSON.parse(button.dataset.body);
  button.disabled = true;
  tell("One moment …");
  try {
    const told = await call(path, { method, body, headers: { "Idempotency-Key": freshKey() } });
    if (told?.missing) throw { what: "It is written down, but not done yet.", do_next: told.missing };
    if (button.dataset.then === "reload") location.reload();
    else if (button.dataset.then === "job-file") await download(told.job, button);
    else location.assign(button.dataset.then);
  } catch (error) {
    if (error.status === 401) return location.assign(`/owner/login?again=1&next=${encodeURIComponent(location.pathname + location.search)}`);
    button.disabled = false;
    tell(`${error.what} ${error.do_next ?? ""}`);
  }
}

for (const button of document.querySelectorAll("[data-act]")) button.addEventListener("click", () => act(button));
