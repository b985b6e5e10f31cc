// Sends the chosen files one by one, so that each has its own progress and its own answer.

import { dropZone } from "./drop.js";

const MOST_PREVIEWS = 40; // more are only named: reading them all would fill the memory
const LARGEST_PREVIEW = 20_000_000; // bytes

const form = document.querySelector("form[data-drop]");
const input = form.querySelector("input[type=file]");
const list = form.querySelector("[data-list]");
const summary = form.querySelector("[data-summary]");
const button = form.querySelector("input[type=submit]");
let rows = [];
let busy = false;

function element(name, text = "", className = "") {
  const made = document.createElement(name);
  made.textContent = text;
  made.className = className;
  return made;
}

function preview(file, image) {
  // As data and not as a blob: the page's policy lets images be data.
  const reader = new FileReader();
  reader.addEventListener("load", () => { image.src = reader.result; });
  image.addEventListener("error", () => image.replaceWith(element("span", "", "upload-blank")));
  reader.readAsDataURL(file);
}

function show(files) {
  list.replaceChildren();
  summary.textContent = "";
  rows = files.map((file, number) => {
    const row = element("li");
    const picture = file.type.startsWith("image/") && number < MOST_PREVIEWS && file.size < LARGEST_PREVIEW;
    const image = element(picture ? "img" : "span", "", picture ? "" : "upload-blank");
    if (picture) { image.alt = ""; preview(file, image); }
    const bar = element("progress");
    bar.max = 1;
    bar.value = 0;
    const said = element("span", "waiting", "upload-said");
    const words = element("div", "", "upload-words");
    words.append(element("strong", file.name), bar, said);
    row.append(image, words);
    list.append(row);
    return { file, bar, said, row };
  });
}

function send(row) {
  const data = new FormData(form);
  data.delete(input.name);
  data.append(input.name, row.file);
  return new Promise((done) => {
    const request = new XMLHttpRequest(); // fetch tells nothing of what is on its way
    request.open("POST", form.action || location.href);
    request.setRequestHeader("Accept", "application/json");
    request.responseType = "json";
    request.upload.addEventListener("progress", (event) => { row.bar.value = event.loaded / event.total * 0.9; });
    request.addEventListener("loadend", () => {
      const answer = request.response;
      done(answer && answer.refused ? answer : null);
    });
    row.said.textContent = "on its way";
    request.send(data);
  });
}

function tell(row, answer) {
  if (!answer) {
    row.said.textContent = "It did not arrive. Press “Add pictures” to try again; nothing is added twice.";
    row.row.className = "upload-refused";
    return;
  }
  row.bar.value = 1;
  const said = [];
  if (answer.added.length) said.push(`added as ${answer.added.map((source) => source.name).join(", ")}`);
  if (answer.known.length) said.push(`in your library already: ${answer.known.map((source) => source.name).join(", ")}`);
  for (const [, reason] of answer.refused) said.push(reason);
  row.said.textContent = said.join(" · ");
  const kept = answer.added.length + answer.known.length;
  row.row.className = answer.refused.length ? "upload-refused" : "upload-kept";
  row.done = kept > 0 && !answer.refused.length;
}

form.addEventListener("submit", async (event) => {
  if (!rows.length) return; // the browser says what is missing
  event.preventDefault();
  button.disabled = busy = true;
  const total = { added: 0, known: 0, refused: 0, lost: 0 };
  for (const row of rows.filter((one) => !one.done)) {
    const answer = await send(row);
    tell(row, answer);
    if (!answer) total.lost += 1;
    else for (const kind of ["added", "known", "refused"]) total[kind] += answer[kind].length;
  }
  button.disabled = busy = false;
  const words = [`${total.added} added`];
  if (total.known) words.push(`${total.known} in your library already`);
  if (total.refused) words.push(`${total.refused} refused`);
  if (total.lost) words.push(`${total.lost} did not arrive`);
  summary.textContent = `${words.join(", ")}.`;
});

addEventListener("beforeunload", (event) => {
  if (busy) event.preventDefault(); // the pictures that still wait would not come
});

dropZone(input, show);
if (input.files.length) show([...input.files]);
