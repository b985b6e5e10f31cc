// The report: named parts become tabs, and the explorer is loaded when somebody looks at it.

import { explore } from "./explorer.js";
import { tabbed } from "./tabs.js";

for (const root of document.querySelectorAll(".tabs")) {
  for (const place of root.querySelectorAll(".explorer")) {
    place.closest(".panel").addEventListener("shown", () => explore(place), { once: true });
  }
  tabbed(root);
}
