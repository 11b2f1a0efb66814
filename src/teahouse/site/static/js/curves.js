// The curves of a run that is still going: asks for what came since, draws it in the shape the server drew the first.

import { call } from "./api.js";

const SVG = "http://www.w3.org/2000/svg";
const [W, H, LEFT, RIGHT, TOP, BOTTOM] = [480, 180, 64, 10, 12, 24];
const short = (n, digits = 3) => String(Number(n.toPrecision(digits)));

function make(name, attributes, words) {
  const node = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  if (words) node.textContent = words;
  return node;
}

/** An <svg> of the points [[x, y], …]. */
export function chart(name, points) {
  const xs = points.map((p) => p[0]), ys = points.map((p) => p[1]);
  const [x0, x1, y0, y1] = [Math.min(...xs), Math.max(...xs), Math.min(...ys), Math.max(...ys)];
  const at = ([x, y]) => [LEFT + ((x - x0) / (x1 - x0 || 1)) * (W - LEFT - RIGHT), TOP + ((y1 - y) / (y1 - y0 || 1)) * (H - TOP - BOTTOM)];
  const placed = points.map(at);
  const svg = make("svg", { class: "chart", viewBox: `0 0 ${W} ${H}`, role: "img", "aria-label": `${name}: from ${short(ys[0])} to ${short(ys.at(-1))}` });
  const [top, bottom, middle] = [TOP, H - BOTTOM, Math.floor((TOP + H - BOTTOM) / 2)];
  svg.append(
    make("path", { class: "chart-grid", d: [top, middle, bottom].map((y) => `M${LEFT} ${y}H${W - RIGHT}`).join("") }),
    make("text", { class: "chart-mark", x: LEFT - 8, y: top, dy: 4 }, short(y1, 2)),
    make("text", { class: "chart-mark", x: LEFT - 8, y: bottom, dy: 4 }, short(y0, 2)),
    make("path", { class: "chart-line", d: "M" + placed.map((p) => p.map((v) => v.toFixed(1)).join(" ")).join(" L") }),
    make("circle", { class: "chart-dot", cx: placed.at(-1)[0], cy: placed.at(-1)[1], r: 4 }),
  );
  return svg;
}

const ENDED = ["done", "failed", "refused"];
const NO_CURVE = ["epoch", "of", "step", "seconds"];

/** Puts events {name, x, numbers} under the names of their numbers; x is seconds since the run began. Returns the names touched. */
export function gather(curves, events) {
  const touched = new Set();
  for (const { name: kind, x, numbers } of events) {
    if (kind !== "log") continue;
    for (const [name, value] of Object.entries(numbers ?? {})) {
      if (typeof value !== "number" || NO_CURVE.includes(name)) continue;
      if (!curves.has(name)) curves.set(name, []);
      curves.get(name).push([x, value]);
      touched.add(name);
    }
  }
  return touched;
}

function figure(name) {
  const node = document.createElement("figure");
  node.dataset.curve = name;
  const caption = node.appendChild(document.createElement("figcaption"));
  caption.append(name.replace(/^./, (c) => c.toUpperCase()).replaceAll("_", " "), " ");
  caption.appendChild(document.createElement("b")).dataset.last = "";
  node.appendChild(document.createElement("div")).dataset.drawn = "";
  return node;
}

function follow(run) {
  const places = run.querySelector("[data-curves]");
  const curves = new Map([...places.children].map((f) => [f.dataset.curve, JSON.parse(f.dataset.points)]));
  let after = Number(run.dataset.after), busy = false;

  async function look() {
    if (busy || document.hidden) return;
    busy = true;
    try {
      const told = await call(`/api/owner/runs/${run.dataset.run}?after=${after}`);
      after = told.after;
      for (const name of gather(curves, told.events)) draw(name);
      for (const { name, detail } of told.events) if (name === "warning") warn(detail.words);
      run.querySelector("[data-words]").textContent = told.run.words.replace(/^./, (c) => c.toUpperCase());
      if (ENDED.includes(told.run.state)) location.reload();
    } catch {
      // The next look tells; a house that swaps its web process is away for a moment.
    } finally {
      busy = false;
    }
  }

  function warn(words) {
    const line = run.querySelector("[data-warnings]").appendChild(document.createElement("li"));
    line.className = "bad";
    line.textContent = words;
  }

  function draw(name) {
    run.querySelector("[data-none]")?.remove();
    const place = [...places.children].find((f) => f.dataset.curve === name) ?? places.appendChild(figure(name));
    const points = curves.get(name);
    place.querySelector("[data-last]").textContent = short(points.at(-1)[1]);
    place.querySelector("[data-drawn]").replaceChildren(chart(name, points));
  }

  setInterval(look, 1500);
  look();
}

const run = globalThis.document?.querySelector("[data-run]");
if (run) follow(run);
