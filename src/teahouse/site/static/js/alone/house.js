// The house in the browser: on a page that stands alone this answers what else the site answers (api.js asks it).

import { freshKey } from "../api.js";
import * as words from "./words.js";

const KEPT = 40; // answers that can still be spoken of
const NEXT = 4, OF = 2; // pictures made ahead, each the best of so many
export const about = fetch("app.json").then((response) => response.json());
const answers = new Map(), asked = new Map(); // by id: what was given and told; questions to the worker
let worker, pooled, share = 0, number = 0, loud;

class Trouble {
  constructor(status, code, what, do_next) {
    Object.assign(this, { status, error: { code, what, do_next } });
  }
}

const json = (told, status = 200) => new Response(JSON.stringify(told), { status, headers: { "Content-Type": "application/json" } });
const away = () => new Trouble(503, "not-ready", "What runs the model could not be loaded.", "Look to your connection, then try again.");

/** Starts the worker, which loads the model: once the page is there, so that it is ready before a photo is. */
export function begin() {
  if (worker) return worker;
  const address = new URL("./engine.js", import.meta.url).href;
  const url = globalThis.trustedTypes ? trustedTypes.createPolicy("engine", { createScriptURL: () => address }).createScriptURL("") : address;
  worker = new Worker(url, { type: "module" });
  worker.addEventListener("message", ({ data }) => {
    if (data.coming) loud?.((share = data.coming));
    else asked.get(data.id)?.(data);
    asked.delete(data.id);
  });
  worker.addEventListener("error", () => {
    for (const [, done] of asked) done({ failed: true });
    asked.clear();
    worker = null;
  });
  worker.postMessage({ base: document.baseURI });
  return worker;
}

/** What the model makes of these values; with `raw` its numbers too. */
export async function run(values, raw = false) {
  const id = ++number;
  const { told, failed, unread } = await new Promise((done) => {
    asked.set(id, done);
    begin().postMessage({ id, values, raw, base: document.baseURI });
  });
  if (told) return told;
  throw failed ? away() : unread
    ? new Trouble(422, "input-refused", "This photo is damaged, or it is no JPEG, PNG or WebP.", "Try another photo, or take it again.")
    : new Trouble(500, "release-broken", "The model stopped on this input.", "Try another one.");
}

const draw = () => crypto.getRandomValues(new Uint32Array(1))[0];
const text = (blob) => new Promise((done) => {
  const reader = new FileReader();
  reader.onload = () => done(reader.result);
  reader.readAsDataURL(blob);
});

async function valuesOf(body) {
  const { fields } = await about;
  const given = body instanceof Blob ? { [fields.find(({ kind }) => kind === "image").name]: body }
    : body instanceof FormData ? Object.fromEntries(body) : JSON.parse(body ?? "{}");
  return Object.fromEntries(fields.map(({ kind, name, start }) => {
    const value = given[name] ?? (kind === "seed" ? draw() : start);
    if (value === undefined || value === null) throw new Trouble(422, "input-refused", `The field "${name}" is missing.`, "Give it too.");
    return [name, kind === "number" || kind === "seed" ? Number(value) : value];
  }));
}

function remember(id, more) {
  answers.set(id, more);
  if (answers.size > KEPT) answers.delete(answers.keys().next().value);
}

/** An answer as the API of a site gives it. */
async function told(values, made, body) {
  const { app, release, fields, feedback } = await about, id = freshKey(), plain = fields.filter(({ kind }) => kind !== "image");
  const seed = fields.find(({ kind }) => kind === "seed");
  const output = made.blob ? { picture: await text(made.blob), ...made.output } : made.output;
  remember(id, { values, output: made.output, body });
  return {
    id, app, release, output, feedback, receipt: id, kept: false, familiar: made.familiar, latency_ms: made.ms,
    confidence: made.output.scores ? Math.max(...Object.values(made.output.scores)) : null,
    ...(plain.length ? { inputs: Object.fromEntries(plain.map(({ name }) => [name, values[name]])) } : {}),
    ...(seed ? { seed: values[seed.name] } : {}),
  };
}

async function predict({ body, headers = {} }) {
  const values = await valuesOf(body);
  if (share === 1 || !headers.Accept?.includes("event-stream")) return json(await told(values, await run(values), body), 201);
  const line = (event, data) => `event: ${event}\ndata: ${JSON.stringify(data)}\n\n`;
  return new Response(new ReadableStream({
    async start(out) {
      const send = (event, data) => out.enqueue(new TextEncoder().encode(line(event, data)));
      loud = (now) => send("coming", { words: now < 1 ? `The model comes to you first: ${Math.floor(now * 100)} % …` : "Looking …" });
      try {
        loud(share);
        send("answer", await told(values, await run(values), body));
      } catch (error) {
        send("error", { error: error.error ?? away().error });
      } finally {
        loud = null;
        out.close();
      }
    },
  }), { headers: { "Content-Type": "text/event-stream" } });
}

/** The next pictures of an app that draws: those that were made with the page first, then the best of a few new ones. */
async function pool() {
  const { fields, pool: made } = await about, [{ name }] = fields;
  pooled ??= made.map((one) => [Math.random(), one]).sort(([a], [b]) => a - b).map(([, one]) => one);
  let next = pooled.splice(0, 2 * NEXT);
  if (!next.length) {
    const drawn = [];
    for (let i = 0; i < NEXT * OF; i++) {
      const seed = draw();
      drawn.push({ seed, ...(await run({ [name]: seed })) });
    }
    next = await Promise.all(drawn.sort((a, b) => b.score - a.score).slice(0, NEXT).map(async ({ seed, blob }) => ({ seed, picture: await text(blob) })));
  }
  return json({ items: next.map(({ seed, picture }) => {
    const id = `seed-${seed}`;
    remember(id, { values: { [name]: seed }, output: {} });
    return { id, seed, picture };
  }) });
}

/** What an answer was made of; that of a picture that came with the page is in its id. */
async function spoken(id) {
  const { fields } = await about, [seed] = fields.filter(({ kind }) => kind === "seed");
  return answers.get(id) ?? (id.startsWith("seed-") && seed ? { values: { [seed.name]: Number(id.slice(5)) }, output: {} } : null);
}

/** A word on an answer: to the house that hears it, else into this browser. */
async function feedback(id, { body }) {
  const { home, app, release } = await about, said = JSON.parse(body), answer = await spoken(id);
  if (!answer) throw new Trouble(404, "not-found", "This answer is not here any more.", "Ask for it again.");
  if (home) return words.carry(home, app, answer, said);
  answer.word = words.add({ id, app, release, at: new Date().toISOString(), said, ...words.plain(answer) });
  return json({ ask_consent: Boolean(answer.body) && Object.values(answer.values).some((each) => each instanceof Blob), thanks: words.THANKS }, 201);
}

async function keepPhoto(id) {
  const answer = await spoken(id), photo = Object.values(answer.values).find((value) => value instanceof Blob);
  if (!words.addPhoto(answer.word, await text(photo))) throw new Trouble(507, "disk-full", "This browser has no room to keep it.", "Save what you said as a file first, then forget it here.");
  return json({ id, kept: true, thanks: words.THANKS }, 201);
}

/** What `fetch` would answer, were there a site. */
export async function answer(path, given) {
  const [, kind, id, what] = path.match(/^\/api\/(apps|predictions)\/([^/]+)\/(\w+)$/) ?? [];
  try {
    if (kind === "apps" && what === "predictions") return await predict(given);
    if (kind === "apps" && what === "pool") return await pool();
    if (kind === "predictions" && what === "feedback") return await feedback(id, given);
    if (kind === "predictions" && what === "input") return await keepPhoto(id);
    throw new Trouble(404, "not-found", "This page has no house that could do that.", "");
  } catch (error) {
    if (error instanceof Trouble) return json({ error: error.error }, error.status);
    throw error;
  }
}
