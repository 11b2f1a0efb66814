// A photo that is dropped or pasted: no finger does that, so it comes after what a finger needs.

/** What is dropped anywhere on the page, or pasted; `root` gets the class "dragging" while one hovers. */
export function dropped(root, take) {
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
