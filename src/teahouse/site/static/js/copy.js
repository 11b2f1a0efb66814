// A button that copies its words; on plain http the words are marked instead, ready for the hand.

for (const button of document.querySelectorAll("[data-copy]")) {
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(button.dataset.copy);
      button.textContent = "Copied";
    } catch {
      getSelection().selectAllChildren((button.closest(".card") ?? document).querySelector("[data-copied]"));
    }
  });
}
