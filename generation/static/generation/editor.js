// Names of pictures become buttons that put their table where the cursor is; unsaved text is not lost unasked.

const area = document.querySelector("#toml");
const before = "unsaved" in area.dataset ? null : area.value;
let sent = false;

// TOML's basic strings escape as JSON does.
const quoted = (words) => JSON.stringify(words);

function table(name, { title, licence, credit }) {
  const lines = [`[sources.${name}]`, `file = ${quoted(name)}`];
  if (title) lines.push(`title = ${quoted(title)}`);
  if (licence) lines.push(`licence = ${quoted(licence)}`);
  if (credit) lines.push(`credit = ${quoted(credit)}`);
  return `${lines.join("\n")}\n\n`;
}

for (const code of document.querySelectorAll("[data-source]")) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "source-name";
  button.textContent = code.textContent;
  button.addEventListener("click", () => {
    const at = area.value.lastIndexOf("\n", area.selectionStart - 1) + 1; // a table begins a line
    area.setRangeText(table(code.dataset.source, code.dataset), at, at, "end");
    area.focus();
  });
  code.replaceWith(button);
}
for (const hint of document.querySelectorAll("[data-click]")) hint.hidden = false;

area.form.addEventListener("submit", () => { sent = true; });
addEventListener("beforeunload", (event) => {
  if (!sent && area.value !== before) event.preventDefault();
});
