// What the explorer knows of each picture: where it stands, what was measured, how it fared.

export const EVERY = "every", MOST_PICTURES = 400;
const SHARE = 0, LOW = 1, HIGH = 2, THETA = 3, THETA_LOW = 4, THETA_HIGH = 5, VOTES = 6;

/** Scenes one may look at: all by condition, each picture of all, and one by one. */
export function choices(data) {
  const scenes = data.groups.map((group, i) => [String(i), group.label]).slice(1);
  const all = data.groups.length > 2 ? [["0", "All scenes, by condition"]] : [];
  if (all.length && data.pictures.length <= MOST_PICTURES) all.push([EVERY, "All scenes, every picture"]);
  return [...all, ...scenes];
}

/** The numbers of the groups that a choice of scene shows. */
export function groupsOf(data, group) {
  return group === EVERY ? data.groups.map((_, i) => i).slice(1) : [Number(group)];
}

/** Raw values are held against each other within one scene only. */
export const rawAllowed = (group) => group !== EVERY && group !== "0";

/** One point per condition and group that has both a loss and a score. */
export function points(data, { group, metric, scale }) {
  return groupsOf(data, group).flatMap((g) => {
    const { votes, z, values, minima, label } = data.groups[g], losses = (scale === "z" ? z : values)[metric];
    const found = data.conditions.flatMap((condition, i) => {
      const row = votes[i], x = losses && losses[i];
      if (!row || x == null || row[THETA] === null) return [];
      const picture = data.pictures.find((p) => p.condition === i && (g === 0 || p.scene === g));
      return [{
        key: `${g}/${i}`, group: g, condition: i, label: condition.label, scene: label, picture, x, y: row[THETA],
        low: row[THETA_LOW], high: row[THETA_HIGH], share: row[SHARE], shareLow: row[LOW], shareHigh: row[HIGH],
        votes: row[VOTES], minimum: minima[metric].includes(i),
      }];
    });
    const most = Math.max(...found.map((p) => p.y));
    for (const point of found) point.favourite = point.y === most;
    return found;
  });
}

/** Meetings among the chosen points, or all meetings of the only one: {a, b, wins, losses, ties, scene}. */
export function meetings(data, pairs, chosen) {
  const keys = new Set(chosen.map((p) => p.key)), needed = Math.min(2, keys.size), sums = new Map();
  const groups = new Set(chosen.map((p) => p.group));
  for (const [scene, a, b, wins, losses, ties] of pairs) {
    for (const g of groups.has(0) ? [0] : groups.has(scene) ? [scene] : []) {
      if (keys.has(`${g}/${a}`) + keys.has(`${g}/${b}`) < needed) continue;
      // The chosen one, or the first of the grid, is told first.
      const turn = needed === 1 ? !keys.has(`${g}/${a}`) : a > b;
      const [first, second] = turn ? [b, a] : [a, b], id = `${g}/${first}/${second}`;
      const sum = sums.get(id) || { group: g, first, second, won: 0, lost: 0, ties: 0 };
      sum.won += turn ? losses : wins;
      sum.lost += turn ? wins : losses;
      sum.ties += ties;
      sums.set(id, sum);
    }
  }
  return [...sums.values()].sort((p, q) => p.group - q.group || p.first - q.first || p.second - q.second);
}
