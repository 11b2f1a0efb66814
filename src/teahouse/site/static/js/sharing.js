// Showing an answer to others: a page of its own, made when its visitor says so and gone when they take it back.

import { alone as unhoused, call, framed, freshKey } from "./api.js";
import { button, dressed, element } from "./dialog.js";
import { copy, parts } from "./snippet.js";
import { opens } from "./word.js";

/** A tap on Share. What the page opened with is nobody's answer yet: `send` asks for it first. */
export async function asked(play, about, send) {
  if (!play.answer) {
    about.from.disabled = true;
    await send({});
    about.from.disabled = false;
  }
  open(play, about);
}

/** The dialog about the picture that now stands on the page. A seed's page is there already and shows nothing of anyone. */
export async function open(play, { app, from, alone }) {
  const { answer, given, photo } = play;
  await dressed();
  if (!answer || play.answer !== answer) return;
  const head = element("h2", { id: "share-head", tabIndex: -1 }), inside = element("div", { className: "sharing" });
  const dialog = element("dialog", { className: "ask card" }, head, inside);
  dialog.setAttribute("aria-labelledby", "share-head");
  dialog.addEventListener("close", () => (dialog.remove(), from.focus()));
  document.body.append(dialog);

  function say(words, ...parts) {
    head.textContent = words;
    inside.replaceChildren(...parts.filter(Boolean));
    if (!dialog.open) dialog.showModal();
    head.focus();
  }

  function ask(again = "") {
    const own = photo && given;
    const beside = element("input", { type: "checkbox" });
    const yes = button("Make the page", "main", () => make(beside.checked || !own));
    say("Show it to others?",
      element("img", { className: "shown", src: answer.address, alt: "The picture" }),
      element("p", { textContent: "The picture gets a page that anyone with its link can see. You can take it back at any time, here and under My data." }),
      own && element("label", { className: "tick" }, beside, element("span", { textContent: "Show my photo beside it too" })),
      again && element("p", { className: "trouble", role: "alert", textContent: again }),
      element("div", { className: "row" }, yes, button("Cancel", "", () => dialog.close())));
  }

  async function make(beside) {
    say("One moment …", element("p", { textContent: "The page is being made." }));
    const form = new FormData();
    form.append("picture", answer.blob);
    if (photo && beside) form.append("photo", photo);
    if (photo && beside && answer.inputs) form.append("inputs", JSON.stringify(answer.inputs));
    try {
      const made = await call(`/api/predictions/${answer.id}/share`, {
        method: "POST", body: form, headers: { ...opens(answer), "X-Consent": "show", "Idempotency-Key": freshKey() },
      });
      Object.assign(answer, { shared: made.url, until: made.until });
      link();
    } catch (error) {
      ask(`${error.what} ${error.do_next ?? ""}`);
    }
  }

  async function takeBack() {
    try {
      await call(`/api/predictions/${answer.id}/share`, { method: "DELETE", headers: opens(answer) });
      answer.shared = null;
      say("It is taken back.", element("p", { textContent: "The page is gone, and so is its picture." }), element("div", { className: "row" }, button("Good", "main", () => dialog.close())));
    } catch (error) {
      link(`${error.what} ${error.do_next ?? ""}`);
    }
  }

  function link(trouble = "") {
    const url = new URL(answer.shared ?? (unhoused ? (alone && answer.seed !== undefined ? `#${answer.seed}` : ".") : `/${app}/seeds/${answer.seed}`), location.href).href;
    const field = element("input", { type: "text", readOnly: true, value: url, ariaLabel: "Link" });
    const send = !framed && navigator.share && button("Send it …", "main", () => navigator.share({ title: document.title, url }).catch(() => {}));
    const copies = button("Copy the link", send ? "" : "main", () => copy(field, copies));
    say(answer.shared ? "Your link is ready." : "It has a page of its own.",
      element("p", { textContent: answer.shared ? `Anyone with this link sees it until you take it back, or until ${new Date(answer.until).toLocaleDateString(undefined, { dateStyle: "long" })}.` : "This link shows this very one to anybody." }),
      field,
      trouble && element("p", { className: "trouble", role: "alert", textContent: trouble }),
      element("div", { className: "row" }, send, copies, answer.shared && button("Take it back", "", takeBack)),
      element("details", {}, element("summary", { textContent: "Put the app on a page of your own" }), ...parts(app)),
      element("div", { className: "row end" }, button("Done", "", () => dialog.close())));
  }

  /** Where no house can keep a page: the picture itself goes, and the page's own link. */
  function send() {
    const file = new File([answer.blob], `${app}.${answer.blob.type.split("/")[1]}`, { type: answer.blob.type });
    const can = navigator.canShare?.({ files: [file] }) && button("Send it …", "main", () => navigator.share({ files: [file], title: document.title }).catch(() => {}));
    const field = element("input", { type: "text", readOnly: true, value: location.href.replace(/#.*/, ""), ariaLabel: "Link" });
    const copies = button("Copy the link", can ? "" : "main", () => copy(field, copies));
    say("Show it to others", element("img", { className: "shown", src: answer.address, alt: "The picture" }),
      element("p", { textContent: "Nothing of it is kept here: save the picture, or send it on. This link leads to the page." }),
      field, element("div", { className: "row" }, can, copies, button("Done", "", () => dialog.close())));
  }

  if (unhoused && answer.blob && !(alone && answer.seed !== undefined)) send();
  else if (answer.shared || !answer.blob || (alone && answer.seed !== undefined)) link();
  else ask();
}
