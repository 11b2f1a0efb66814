// Moments on the page in the reader's own clock; the last day as "5 minutes ago".

const full = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });
const near = new Intl.RelativeTimeFormat(undefined, { numeric: "auto" });

export function words(ms, now = Date.now()) {
  const minutes = Math.round((ms - now) / 60000);
  if (Math.abs(minutes) < 60) return near.format(minutes, "minute");
  if (Math.abs(minutes) < 24 * 60) return near.format(Math.round(minutes / 60), "hour");
  return full.format(ms);
}

for (const time of document.querySelectorAll("time[data-when]")) {
  time.title = full.format(Number(time.dataset.when));
  time.textContent = words(Number(time.dataset.when));
}
