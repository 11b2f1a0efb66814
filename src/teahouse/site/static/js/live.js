// Tells the owner that something changed since the page was made; the reader decides when it moves.

const fresh = document.querySelector("[data-fresh]");
fresh.querySelector("[data-reload]").addEventListener("click", () => location.reload());

/** What makes a page old: a job that moved on, another champion. Answers and words alone do not. */
export const marks = ({ jobs = [], champions = {} }) => JSON.stringify([jobs.map((job) => [job.job, job.state]), champions]);

let first;
new EventSource("/api/owner/live").addEventListener("change", (event) => {
  document.dispatchEvent(new Event("house:change"));
  const now = marks(JSON.parse(event.data));
  first ??= now;
  const follows = document.querySelector("#review, [data-run] [data-state].running");
  if (now !== first && !follows) fresh.hidden = false;
});
