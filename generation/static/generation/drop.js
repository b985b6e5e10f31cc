// A place to drop files on, around a plain file input that does the same without it.

export function dropZone(input, taken) {
  const zone = document.createElement("div");
  zone.className = "drop-zone";
  const words = document.createElement("p");
  words.textContent = "Drop pictures here, or choose them:";
  input.replaceWith(zone);
  zone.append(words, input);
  const lit = (on) => zone.classList.toggle("drop-over", on);
  zone.addEventListener("dragover", (event) => { event.preventDefault(); lit(true); });
  zone.addEventListener("dragleave", () => lit(false));
  zone.addEventListener("drop", (event) => {
    event.preventDefault();
    lit(false);
    if (!event.dataTransfer.files.length) return;
    input.files = event.dataTransfer.files;
    taken([...input.files]);
  });
  input.addEventListener("change", () => taken([...input.files]));
}
