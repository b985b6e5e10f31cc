// Buttons that copy what stands in a field. Without a script, or where the browser forbids it, the field can be selected.

const status = document.getElementById("copied");

for (const button of document.querySelectorAll("[data-copy]")) {
  const field = document.getElementById(button.dataset.copy);
  button.hidden = false;
  button.addEventListener("click", async () => {
    field.select();
    try {
      await navigator.clipboard.writeText(field.value);
      status.textContent = "Copied.";
    } catch {
      status.textContent = "The browser did not let us copy; the link is selected, press Ctrl or ⌘ and C.";
    }
  });
}
