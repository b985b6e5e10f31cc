// A session that ended here while answers were still kept on this device: they are sent all the same.
import { Queue } from "./queue.js";
import { Server } from "./server.js";

const form = document.getElementById("leftover");
const server = new Server(form.dataset.api, form.elements.csrfmiddlewaretoken.value);
const queue = await Queue.open(server.api);
const inOrder = [...queue.entries.values()].sort((a, b) => (a.vote.shown_at < b.vote.shown_at ? -1 : 1));
for (const { trial, vote } of inOrder) {
  await server.patiently(() => server.call("votes/", vote), () => {});
  await queue.drop(trial);
}
