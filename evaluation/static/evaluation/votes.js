// The votes among the chosen pictures: counted for everybody, one by one for those who may.

import { el, get, sorry, table, unbroken } from "./dom.js";
import { meetings } from "./points.js";

const MOST_ROWS = 100;

export class Votes {
  /** `addresses`: of the pairs and, for those who may, of the votes; `clear`: the button that chooses none. */
  constructor(addresses, data, place, clear) {
    Object.assign(this, { addresses, data, place, clear, turn: 0 });
  }

  async show(chosen) {
    const turn = (this.turn += 1);
    this.clear.hidden = !chosen.length;
    if (!chosen.length) return this.place.replaceChildren();
    try {
      this.counted ??= await get(this.addresses.pairs);
    } catch (error) {
      if (turn === this.turn) sorry(this.place, error);
      return;
    }
    if (turn === this.turn) this.draw(chosen);
  }

  draw(chosen) {
    const one = chosen.length === 1 && unbroken(chosen[0].label);
    const title = el("h4", { textContent: one ? `Votes with ${one}` : `Votes among the ${chosen.length} chosen` });
    const { pairs, sentence } = this.counted, label = (i) => unbroken(this.data.conditions[i].label);
    const found = pairs ? meetings(this.data, pairs, chosen) : [];
    const total = found.reduce((sum, m) => sum + m.won + m.lost + m.ties, 0);
    const several = new Set(chosen.map((p) => p.group)).size > 1 ? ["Scene"] : [];
    const rows = found.slice(0, MOST_ROWS).map((m) => [
      ...several.map(() => this.data.groups[m.group].label), label(m.first), label(m.second),
      m.won, m.lost, m.ties, m.won + m.lost + m.ties,
    ]);
    const more = found.length > MOST_ROWS ? ` The first ${MOST_ROWS} of ${found.length} pairs:` : "";
    const status = el("p", { role: "status", textContent: sentence || `${total} votes.${more}` });
    const heads = [...several, "Picture", "Against", "Won", "Lost", "Ties", "Votes"];
    this.place.replaceChildren(title, status, ...(rows.length ? [table(heads, rows)] : []));
    if (this.addresses.votes && (total || !pairs) && !several.length) this.place.append(...this.single(chosen));
  }

  /** The way to the single votes. */
  single(chosen) {
    const query = new URLSearchParams([["scene", chosen[0].group], ...chosen.map((p) => ["condition", p.condition])]);
    const button = el("button", { type: "button", className: "button quiet", textContent: "Show each vote" });
    const place = el("div");
    button.addEventListener("click", async () => {
      try {
        const { votes, total } = await get(`${this.addresses.votes}?${query}`), shown = votes.length;
        const said = total > shown ? `The first ${shown} of ${total}; all are in trials.csv.` : `${total} votes.`;
        const rows = votes.map((v) => {
          const seconds = v.ms === null ? "not measured" : v.ms / 1000;
          return [v.voter, v.scene, unbroken(v.left), unbroken(v.right), v.choice, seconds];
        });
        const heads = ["Voter", "Scene", "Left", "Right", "Chosen", "Seconds"];
        place.replaceChildren(el("p", { textContent: said }), table(heads, rows));
        button.remove();
      } catch (error) {
        sorry(place, error);
      }
    });
    return [button, place];
  }
}
