// What an app takes beside a photo: a number that slides, a word of a few, a line of text. The answer follows the hand.

const round = (value) => String(Number(Number(value).toPrecision(3)));

export function open(place, { ask }) {
  const slider = place.querySelector("[type=range]"), line = place.querySelector("[type=text]"), told = place.querySelector("output");
  const given = () => (slider ?? line ?? place.querySelector("select") ?? place.querySelector(":checked"))?.value.trim();
  function tell() {
    if (!slider) return;
    told.textContent = round(slider.value);
    slider.style.setProperty("--full", (slider.value - slider.min) / (slider.max - slider.min));
  }
  place.addEventListener("input", () => {
    tell();
    if (given()) ask({ after: slider ? 250 : line ? 700 : 0 });
  });
  place.addEventListener("submit", (event) => {
    event.preventDefault();
    ask({ fresh: true });
  });
  tell();
  const words = place.querySelector("label, legend").textContent;
  return { words, ready: () => Boolean(given()), own: () => true, value: () => (slider ? Number(slider.value) : given() || undefined) };
}
