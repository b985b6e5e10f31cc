// What the page says, in the bar, over the pictures and in dialogs; and all of it spoken.

const $ = (id) => document.getElementById(id);
const fill = (text, values) => text.replace(/\{(\w+)\}/g, (_, name) => values[name]);

// Of several sentences at a time, the first of these is shown.
const TOPICS = ["stop", "conflict", "sending", "network", "picture"];

export class Page {
  constructor() {
    this.words = $("words").dataset;
    this.said = { conflict: $("notice").textContent }; // topic -> its sentence; one may come with the page
  }

  speak(sentence) {
    $("status").textContent = sentence;
  }

  /** Speak of the pair that comes now, practice in its own words. */
  speakPlace(word, session) {
    const [next] = session.waiting;
    this.speak(fill(this.words[next.practice ? `${word}Practice` : word], session.place(next)));
  }

  /** The saved dot: "saving", "saved", or "waiting" with `n` answers on this device. */
  mark(state, n) {
    $("saved").dataset.state = state;
    $("saved-text").textContent = fill(this.words[state], { n });
  }

  /** Show a sentence about a topic, or take it away. */
  say(topic, sentence = "") {
    const before = $("notice").textContent;
    this.said[topic] = sentence;
    const shown = TOPICS.map((t) => this.said[t]).find(Boolean) || "";
    $("notice").hidden = !shown;
    if (shown === before) return;
    $("notice").textContent = shown;
    if (shown) this.speak(shown);
  }

  /** Show and speak a few words on the pictures for a moment. */
  hint(sentence, ms) {
    $("hint").textContent = sentence;
    $("hint").hidden = false;
    this.speak(sentence);
    clearTimeout(this.hinting);
    this.hinting = setTimeout(() => ($("hint").hidden = true), ms);
  }

  question(question) {
    const heading = $("question");
    if (heading.textContent === question) return;
    heading.textContent = document.title = question;
    heading.classList.add("fresh");
    setTimeout(() => heading.classList.remove("fresh"), 2500);
    this.speak(fill(this.words.question, { question }));
  }

  count(trial, session) {
    $("count").textContent = fill(trial.practice ? this.words.practice : "{n}/{total}", session.place(trial));
  }

  undoable(possible) {
    $("undo").disabled = !possible;
  }

  /** Open a dialog over the pictures; resolves when it is closed. `values` go into its sentences. */
  dialog(id, values) {
    for (const line of $(id).querySelectorAll("[data-line]")) line.textContent = fill(line.dataset.line, values);
    $("break-progress").max = values.total;
    $("break-progress").value = values.n;
    $(id).showModal();
    return new Promise((closed) => $(id).addEventListener("close", closed, { once: true }));
  }

  get busy() {
    return document.querySelector("dialog[open]") !== null;
  }

  /** Where nothing can be delivered: why, a code to hand in, and the answers as a file. */
  wayOut(sentence, queue) {
    $("way-out-sentence").textContent = sentence;
    $("way-out-kept").hidden = !queue.size;
    $("way-out-file").onclick = () => ($("way-out-file").href = URL.createObjectURL(queue.file()));
    $("way-out").hidden = false;
    this.speak(sentence);
  }

  noWayOut() {
    $("way-out").hidden = true;
  }
}
