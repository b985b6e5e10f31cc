// A place to drop the pictures on; they go with the form.

import { dropZone } from "./drop.js";

const input = document.querySelector("input[type=file][multiple]");
const count = document.createElement("p");
count.setAttribute("role", "status");
input.after(count);
dropZone(input, (files) => { count.textContent = `${files.length} file${files.length === 1 ? "" : "s"} chosen.`; });
