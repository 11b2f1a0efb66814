// Requests to this site: one shape of error, JSON or an event stream as the answer.

/** Refusals that the same request gets again, however often it is sent. */
const FINAL = ["input-refused", "input-broke-model", "too-large", "not-found", "conflict", "nothing-to-do"];

export class Refusal extends Error {
  constructor({ code = "unknown", what = "That did not work.", do_next = "", ...more } = {}) {
    super(what);
    Object.assign(this, { code, what, do_next, final: FINAL.includes(code), ...more });
  }
}

const TOO_LONG = { code: "too-long", what: "No answer came.", do_next: "The site may be busy. Try again in a moment." };

/** What is said where nothing came back: the same words on the whole page. */
export const away = () => ({
  code: "offline", what: globalThis.navigator?.onLine ? "I cannot reach the site." : "You are offline.", do_next: "Check your connection, then try again.",
});

/** In a frame of another site's page nobody has a cookie, so that all browsers do the same: receipts open what is one's own. */
export const framed = globalThis.document?.body.hasAttribute("data-framed") ?? false;

/** On a page without a house (`teahouse pages`) a module answers in its place, in the browser. */
export const alone = globalThis.document?.body.hasAttribute("data-alone") ?? false;
const ask = alone ? async (path, given) => (await import("./alone/house.js")).answer(path, given) : (path, given) => fetch(path, given);
const credentials = framed ? "omit" : "same-origin";

/** The JSON of the answer, or null where it has none; throws Refusal. `body` is a file, a form, or what becomes JSON.
 * `on(event, data)` hears a stream's steps; `stop` is an AbortController of the caller's. */
export async function call(path, { method = "GET", body, headers = {}, on, patience = 60000, stop = new AbortController() } = {}) {
  const file = body instanceof Blob, plain = body !== undefined && !file && !(body instanceof FormData);
  const all = { Accept: on ? "text/event-stream, application/json;q=0.9" : "application/json", ...headers };
  if (plain || file) all["Content-Type"] ??= plain ? "application/json" : body.type || "image/jpeg";
  const late = setTimeout(() => stop.abort(new DOMException("", "TimeoutError")), patience);
  try {
    const response = await ask(path, { method, headers: all, body: plain ? JSON.stringify(body) : body, signal: stop.signal, credentials });
    if (!response.ok) throw new Refusal(await errorOf(response));
    if (response.headers.get("Content-Type")?.startsWith("text/event-stream")) return await listen(response.body, on);
    if (response.status === 204) return null;
    return response.headers.get("Content-Type")?.includes("json") ? await response.json() : null;
  } catch (error) {
    if (error instanceof Refusal) throw error;
    throw new Refusal(error.name === "TimeoutError" ? TOO_LONG : away());
  } finally {
    clearTimeout(late);
  }
}

async function errorOf(response) {
  const given = await response.json().catch(() => ({}));
  return { status: response.status, ...(given.error ?? { what: "The site could not answer.", do_next: "Try again in a moment." }) };
}

async function listen(stream, on) {
  let answer;
  for await (const [event, data] of events(stream)) {
    if (event === "error") throw new Refusal(data.error ?? data);
    if (event === "answer") answer = data;
    else on?.(event, data);
  }
  if (!answer) throw new Refusal(TOO_LONG);
  return answer;
}

/** The [event, JSON] pairs of a text/event-stream. */
export async function* events(stream) {
  const reader = stream.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    rest += value.replaceAll("\r", "");
    let end;
    while ((end = rest.indexOf("\n\n")) >= 0) {
      const lines = rest.slice(0, end).split("\n");
      rest = rest.slice(end + 2);
      const of = (name) => lines.filter((l) => l.startsWith(name + ":")).map((l) => l.slice(name.length + 1).trim()).join("\n");
      if (of("data")) yield [of("event") || "message", JSON.parse(of("data"))];
    }
  }
}

/** A key for one attempt and its retries. crypto.randomUUID is missing on plain http, which phones on a home net use. */
export function freshKey() {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (b) => b.toString(16).padStart(2, "0")).join("");
}
