/* The table: only the rows in sight are in the document. */

const text = (name, width, value) => ({ name, width, value, group: "", rank: (a, b) => collator.compare(value(a), value(b)) });
const columns = [
  text("clip", 150, n => clips.ids[n]),
  text("speaker", 78, n => named(clips.speaker, n)),
  text("split", 58, n => named(clips.split, n)),
  text("status", 120, n => named(clips.status, n)),
  ...checks.map(check => {
    const [group, name] = check.check.split(".");
    return { name: name.replaceAll("_", " "), width: Math.max(72, 26 + 7.2 * name.length), check, group, value: n => shown(check.scores[n]) };
  }),
  text("words", 240, n => clips.texts[n]),
];
const HEIGHT = 28, SPARE = 12, STEP = 6;
const box = document.querySelector(".listing"), table = box.querySelector("table"), body = table.tBodies[0];
const filters = document.querySelector(".filters"), fields = filters.elements;
let rows = [], order = { column: columns[0], down: false }, first = -1;
let needles = null;

// How far a clip is beyond the bounds of a check, the greater the worse; those not known come last.
function excess(check) {
  return Float64Array.from(check.scores, score => score === null ? -Infinity : Math.max(
    check.least === null ? -Infinity : check.least - score, check.most === null ? -Infinity : score - check.most));
}

function sort() {
  const { column, down } = order;
  if (!column.check) rows.sort(column.rank);
  else {
    column.excess ||= excess(column.check);
    const wrong = column.check.wrong, by = column.excess;
    rows.sort((a, b) => (wrong[a] - wrong[b]) || (by[a] === by[b] ? a - b : by[a] - by[b]));
  }
  if (down) rows.reverse();
}

function filter() {
  const wanted = fields.text.value.trim().toLowerCase().split(/\s+/).filter(Boolean);
  const code = (name, column) => fields[name].value === "" ? -1 : column.names.indexOf(fields[name].value.slice(1));
  const speaker = code("speaker", clips.speaker), split = code("split", clips.split), status = code("status", clips.status);
  const flagged = fields.flagged.value, chosen = byName.has(flagged) ? [byName.get(flagged)] : checks;
  if (wanted.length && !needles) {
    needles = clips.ids.map((id, n) => [id, named(clips.speaker, n), clips.texts[n], clips.sources[n], named(clips.status, n), clips.messages[n] || ""].join("\n").toLowerCase());
  }
  rows = [];
  for (let n = 0; n < count; n++) {
    if (speaker >= 0 && clips.speaker.codes[n] !== speaker) continue;
    if (split >= 0 && clips.split.codes[n] !== split) continue;
    if (status >= 0 && clips.status.codes[n] !== status) continue;
    if (flagged && !chosen.some(check => check.wrong[n])) continue;
    if (wanted.some(word => !needles[n].includes(word))) continue;
    rows.push(n);
  }
}

function update() {
  filter();
  sort();
  filters.querySelector("output").textContent = rows.length === count ? many(count, "clip") : rows.length.toLocaleString("en") + " of " + many(count, "clip");
  for (const [head, column] of heads) {
    if (column === order.column) head.setAttribute("aria-sort", order.down ? "descending" : "ascending");
    else head.removeAttribute("aria-sort");
  }
  box.scrollTop = 0;
  first = -1;
  draw();
}

// Rows are made once and filled anew, every few rows of scrolling; two spacers stand for those above and below.
const above = spacer(), pool = [], below = spacer();
function spacer() {
  const row = element(body, "tr", { className: "spacer" });
  element(row, "td", { colSpan: columns.length });
  return row;
}

function draw() {
  const size = Math.ceil(box.clientHeight / HEIGHT) + 2 * SPARE;
  const begin = Math.max(0, Math.min(Math.floor(box.scrollTop / HEIGHT / STEP) * STEP - SPARE, rows.length - size));
  if (begin === first && pool.length >= Math.min(size, rows.length)) return;
  first = begin;
  while (pool.length < size) pool.push(line());
  pool.forEach((row, place) => fill(row, begin + place));
  const inside = Math.min(pool.length, rows.length - begin);
  above.firstChild.style.height = begin * HEIGHT + "px";
  below.firstChild.style.height = (rows.length - begin - inside) * HEIGHT + "px";
}

function line() {
  const row = document.createElement("tr");
  columns.forEach((column, place) => element(row, place ? "td" : "th", { className: column.check ? "number" : "" }, ""));
  row.onclick = () => open(rows[row.place]);
  body.insertBefore(row, below);
  return row;
}

function fill(row, place) {
  row.place = place;
  row.hidden = place >= rows.length;
  if (row.hidden) return;
  const n = rows[place];
  columns.forEach((column, at) => {
    const cell = row.cells[at], value = column.value(n);
    if (cell.firstChild) cell.firstChild.data = value;
    else cell.textContent = value;
    if (column.check) cell.className = column.check.wrong[n] ? "number " + column.check.level : "number";
    else if (column.name !== "split" && column.name !== "speaker") cell.title = value;
  });
}

const heads = new Map();
function makeHead() {
  const widths = element(table, "colgroup");
  for (const column of columns) element(widths, "col").style.width = column.width + "px";
  table.prepend(widths);
  const groups = element(table.tHead, "tr"), names = element(table.tHead, "tr");
  let group = null;
  for (const [place, column] of columns.entries()) {
    // The first column stays in sight, and so needs a head of its own.
    if (place > 1 && group.textContent === column.group) group.colSpan++;
    else element(group = element(groups, "th", { colSpan: 1 }), "span", {}, column.group);
    const head = element(names, "th", { className: column.check ? "number" : "", scope: "col" });
    heads.set(head, column);
    element(head, "button", { title: column.check ? column.check.title : "", onclick: () => {
      order = { column, down: column === order.column ? !order.down : Boolean(column.check) };
      update();
    } }, column.name);
  }
}

function option(select, value, words) {
  element(select, "option", { value }, words);
}

function makeFilters() {
  const ways = { speaker: "all speakers", split: "all splits", status: "any status" };
  for (const name in ways) {
    option(fields[name], "", ways[name]);
    // A mark before each keeps the clips of no split apart from the choice of all.
    for (const each of [...clips[name].names].sort(collator.compare)) option(fields[name], "=" + each, each || "in no shard");
  }
  option(fields.flagged, "", "flagged or not");
  option(fields.flagged, "any", "flagged by any check");
  for (const check of checks) if (check.flagged.length) option(fields.flagged, check.check, check.title + " (" + check.flagged.length.toLocaleString("en") + ")");
  filters.oninput = update;
  filters.onreset = () => setTimeout(update);
  filters.onsubmit = event => event.preventDefault();
  fields.save.onclick = save;
}

function save() {
  const quoted = value => /[",\n\r]/.test(value) ? '"' + value.replaceAll('"', '""') + '"' : value;
  const head = columns.map(column => column.check ? column.check.check : column.name);
  const lines = [head, ...rows.map(n => columns.map(column => column.check ? String(column.check.scores[n] ?? "") : column.value(n)))];
  const file = new Blob([lines.map(line => line.map(quoted).join(",") + "\n").join("")], { type: "text/csv" });
  const link = element(document.body, "a", { href: URL.createObjectURL(file), download: "clips.csv" });
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}

// From a check, a speaker, a reason: the table shows their clips.
document.addEventListener("click", event => {
  const from = event.target.closest("[data-check], [data-speaker], [data-status]");
  if (!from) return;
  const { check, status, flagged } = from.dataset, speaker = from.closest("[data-speaker]")?.dataset.speaker;
  filters.reset();
  if (speaker !== undefined) fields.speaker.value = "=" + speaker;
  if (status !== undefined) fields.status.value = "=" + status;
  if (flagged !== undefined) fields.flagged.value = flagged;
  if (check !== undefined) order = { column: columns.find(column => column.check?.check === check), down: true };
  update();
  reveal(order.column);
  document.getElementById("clips").scrollIntoView();
});

function reveal(column) {
  const place = columns.indexOf(column), left = columns.slice(1, place).reduce((sum, each) => sum + each.width, 0);
  box.scrollLeft = place && column.check ? left - (box.clientWidth - columns[0].width) / 2 : 0;
}

makeHead();
makeFilters();
// A short table is no higher than its rows.
box.style.height = Math.min(640, (count + 2) * HEIGHT + 18) + "px";
update();
box.addEventListener("scroll", draw, { passive: true });
new ResizeObserver(draw).observe(box);
