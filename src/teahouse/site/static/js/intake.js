// The ways a photo comes in: chosen, taken, dropped anywhere on the page, pasted.

/** Calls `take(file)` for each photo; `root` gets the class "dragging" while one hovers. */
export function open(root, take) {
  for (const input of root.querySelectorAll("[data-give]")) {
    input.addEventListener("change", () => {
      if (input.files[0]) take(input.files[0]);
      input.value = "";
    });
  }
  const holds = (event) => event.dataTransfer?.types.includes("Files");
  const over = (on) => root.classList.toggle("dragging", on);
  addEventListener("dragover", (event) => holds(event) && (event.preventDefault(), over(true)));
  addEventListener("dragleave", (event) => event.relatedTarget || over(false));
  addEventListener("drop", (event) => {
    if (!holds(event)) return;
    event.preventDefault();
    over(false);
    if (event.dataTransfer.files[0]) take(event.dataTransfer.files[0]);
  });
  addEventListener("paste", (event) => {
    const file = event.clipboardData?.files[0];
    if (file) take(file);
  });
}
