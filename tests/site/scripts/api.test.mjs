import assert from "node:assert/strict";
import test from "node:test";
import { call, events, freshKey, Refusal } from "../js/api.js";

const answers = (make) => (globalThis.fetch = async () => make());
const json = (body, status = 200) => new Response(JSON.stringify(body), { status, headers: { "Content-Type": "application/json" } });

const streamOf = (...pieces) =>
  new ReadableStream({
    start(to) {
      for (const piece of pieces) to.enqueue(new TextEncoder().encode(piece));
      to.close();
    },
  });

test("events come whole, however the stream is cut", async () => {
  const found = [];
  const stream = streamOf("retry: 1\n\nevent: queu", "ed\r\ndata: {\"place\":2}\r\n\r\n", ": beat\n\nevent: answer\ndata: {\"id\":", "\"a\"}\n\n");
  for await (const pair of events(stream)) found.push(pair);
  assert.deepEqual(found, [["queued", { place: 2 }], ["answer", { id: "a" }]]);
});

test("a stream ends in its answer and tells the place on the way", async () => {
  const heard = [];
  answers(() => new Response(streamOf('event: queued\ndata: {"place":1}\n\nevent: answer\ndata: {"id":"a"}\n\n'), { headers: { "Content-Type": "text/event-stream" } }));
  assert.deepEqual(await call("/x", { on: (...pair) => heard.push(pair) }), { id: "a" });
  assert.deepEqual(heard, [["queued", { place: 1 }]]);
});

test("an error inside a stream is the same refusal as outside", async () => {
  const error = { code: "queue-full", what: "Full.", do_next: "Wait." };
  answers(() => new Response(streamOf(`event: error\ndata: ${JSON.stringify({ error })}\n\n`), { headers: { "Content-Type": "text/event-stream" } }));
  await assert.rejects(call("/x", { on() {} }), (e) => e instanceof Refusal && e.code === "queue-full" && e.do_next === "Wait.");
  answers(() => json({ error }, 503));
  await assert.rejects(call("/x"), (e) => e instanceof Refusal && e.code === "queue-full" && e.status === 503);
});

test("a house that is away, or answers nonsense, is told in words", async () => {
  globalThis.fetch = async () => {
    throw new TypeError("Failed to fetch");
  };
  await assert.rejects(call("/x"), (e) => e.code === "offline" && Boolean(e.do_next));
  answers(() => new Response("<html>", { status: 502 }));
  await assert.rejects(call("/x"), (e) => e.status === 502 && Boolean(e.what && e.do_next));
});

test("an answer without content is null", async () => {
  answers(() => new Response(null, { status: 204 }));
  assert.equal(await call("/x", { method: "DELETE" }), null);
});

test("each attempt has a key of its own", () => {
  assert.match(freshKey(), /^[0-9a-f]{32}$/);
  assert.notEqual(freshKey(), freshKey());
});

test("what the same request would get again is final, what passes is not", async () => {
  const refusal = async (code, status) => {
    answers(() => json({ error: { code, what: "No." } }, status));
    return call("/x").catch((error) => error.final);
  };
  assert.equal(await refusal("input-refused", 422), true);
  assert.equal(await refusal("too-large", 413), true);
  assert.equal(await refusal("queue-full", 503), false);
});
