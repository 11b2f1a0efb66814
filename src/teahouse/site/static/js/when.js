// Moments on the page in the reader's own clock; the last day as "5 minutes ago", where a day is meant the day.

const full = new Intl.DateTimeFormat(undefined, { dateStyle: "long", timeStyle: "short" });
const day = new Intl.DateTimeFormat(undefined, { dateStyle: "long" });
const near = new Intl.RelativeTimeFormat(undefined, { numeric: "auto" });

export function words(ms, now = Date.now()) {
  const minutes = Math.round((ms - now) / 60000);
  if (Math.abs(minutes) < 60) return near.format(minutes, "minute");
  if (Math.abs(minutes) < 24 * 60) return near.format(Math.round(minutes / 60), "hour");
  return full.format(ms);
}

for (const time of document.querySelectorAll("time[data-when]")) {
  time.title = full.format(Number(time.dataset.when));
  time.textContent = time.matches("[data-day]") ? day.format(Number(time.dataset.when)) : words(Number(time.dataset.when));
}
