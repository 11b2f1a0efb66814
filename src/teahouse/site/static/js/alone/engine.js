// The model, in a worker of its own, so that the page moves while it thinks: photo in, answer out, nothing sent anywhere.

import { distance, tensors } from "./familiar.js";
import { TENSORS, VALUES } from "./fields.js";
import { match, put, tidy } from "./kept.js";
import { decode } from "./photo.js";
import { planes } from "./pixels.js";

let about, base, ready;

const at = (path) => new URL(path, base).href;

async function fetched(path, tell = () => {}) {
  const before = await match(at(path));
  if (before) return before.arrayBuffer();
  const response = await fetch(at(path));
  if (!response.ok) throw new Error(`${path}: ${response.status}`);
  const parts = [], reader = response.body.getReader();
  for (let size = 0, step; !(step = await reader.read()).done; ) {
    parts.push(step.value);
    tell((size += step.value.length));
  }
  const whole = new Blob(parts);
  if (/[0-9a-f]{12}/.test(path)) put(at(path), new Response(whole)).catch(() => {});
  return whole.arrayBuffer();
}

async function unpacked(packed) {
  const wasm = await new Response(new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"))).arrayBuffer();
  const sum = globalThis.crypto?.subtle && (await crypto.subtle.digest("SHA-256", wasm)); // on plain http there is none
  const told = sum && Array.from(new Uint8Array(sum), (b) => b.toString(16).padStart(2, "0")).join("");
  if (told && told !== about.engine.sha256) throw new Error("what runs the model is damaged");
  return wasm;
}

/** Loads all that is needed, once: what runs the model, the model, what it knows. */
async function load() {
  about = await (await fetch(at("app.json"))).json();
  const { engine, model, familiar } = about, done = {}, whole = engine.bytes + model.bytes;
  const tell = (name) => (size) => {
    done[name] = size;
    postMessage({ coming: Math.min(1, Object.values(done).reduce((a, b) => a + b, 0) / whole) });
  };
  const [ort, wasm, net, known] = await Promise.all([
    import(at(engine.script)),
    fetched(engine.wasm, tell("engine")).then(unpacked),
    fetched(model.file, tell("model")),
    familiar && fetched(familiar.file).then(tensors),
  ]);
  postMessage({ coming: 1 });
  tidy(base, [engine.wasm, model.file, familiar?.file].filter(Boolean).map(at)).catch(() => {});
  Object.assign(ort.env.wasm, { numThreads: 1, wasmBinary: wasm, wasmPaths: { mjs: at(engine.glue) } }); // one: threads need headers that few who serve files send
  ort.env.logLevel = "error";
  const session = await ort.InferenceSession.create(new Uint8Array(net), { executionProviders: ["wasm"] });
  return { ort, session, known };
}

/** Inputs by name as tensors without their runtime, {type, data, dims}. */
export async function given(values) {
  const made = await Promise.all(about.fields.map(async (field) => {
    const value = values[field.name];
    if (field.kind !== "image") return [field.name, TENSORS[field.kind](value, field)];
    return [field.name, { type: "float32", ...planes(await decode(value, field.resize ? [field.resize, field.resize] : field.size), field) }];
  }));
  return Object.fromEntries(made);
}

/** The picture of float32 [3, height, width] 0..1: a JPEG where the longer side has 256 pixels or more, else a PNG. */
async function picture({ data, dims }) {
  const [height, width] = dims.slice(-2), area = height * width, ink = new ImageData(width, height);
  if (!data.every(Number.isFinite)) throw new Error("The model's answer is not a picture.");
  for (let i = 0; i < area; i++) {
    for (let c = 0; c < 3; c++) ink.data[4 * i + c] = Math.trunc(Math.min(1, Math.max(0, data[c * area + i])) * 255 + 0.5);
    ink.data[4 * i + 3] = 255;
  }
  const canvas = new OffscreenCanvas(width, height);
  canvas.getContext("2d").putImageData(ink, 0, 0);
  const blob = await canvas.convertToBlob(Math.max(width, height) >= 256 ? { type: "image/jpeg", quality: 0.95 } : { type: "image/png" });
  return { blob, width, height };
}

async function answer(values, raw) {
  const { ort, session, known } = await ready, began = performance.now(), inputs = await given(values);
  const only = session.inputNames.length === 1 ? session.inputNames[0] : null;
  const feeds = Object.fromEntries(Object.entries(inputs).map(([name, { type, data, dims }]) => [only ?? name, new ort.Tensor(type, data, dims)]));
  const made = await session.run(feeds), [first, score] = session.outputNames.map((name) => made[name]);
  const shown = about.output.kind === "image" ? await picture(first) : null;
  const looked = known && Object.values(inputs)[about.fields.findIndex(({ kind, fit }) => kind === "image" && fit !== "keep")];
  const told = {
    output: shown ? { media_type: shown.blob.type, width: shown.width, height: shown.height } : VALUES[about.output.kind](first.data, about.output),
    blob: shown?.blob,
    score: score ? Number(score.data[0]) : null,
    familiar: looked ? distance(known, looked) <= about.familiar.threshold : null,
    ms: performance.now() - began,
  };
  if (raw) Object.assign(told, { row: Float32Array.from(first.data, Number), inputs });
  return told;
}

addEventListener("message", async ({ data }) => {
  if (data.base) base = data.base;
  ready ??= load();
  try {
    if (data.values) postMessage({ id: data.id, told: await answer(data.values, data.raw) });
    else await ready;
  } catch (error) {
    const failed = await ready.then(() => false, () => true); // what can not be loaded is tried again
    if (failed) ready = null;
    postMessage({ id: data.id, failed, unread: error.name === "Unread", why: String(error.message ?? error) });
  }
});
