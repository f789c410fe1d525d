"use strict";
const { clips, sheets, pictures } = JSON.parse(document.getElementById("data").textContent);
const checks = clips.checks, count = clips.ids.length;
const byName = new Map(checks.map(check => [check.check, check]));
const collator = new Intl.Collator("en", { numeric: true });
for (const check of checks) {
  check.wrong = new Uint8Array(count);
  for (const n of check.flagged) check.wrong[n] = 1;
}

function element(parent, name, properties, text) {
  const made = Object.assign(document.createElement(name), properties);
  if (text !== undefined) made.textContent = text;
  return parent.appendChild(made);
}
const named = (column, n) => column.names[column.codes[n]];
const many = (count, what) => count.toLocaleString("en") + " " + what + (count === 1 ? "" : "s");
const shown = value => value === null ? "" : String(value);

/* Pictures: a clip's frame with the face's box, its crops, its waveform. */

function looks(parent, n) {
  const taken = pictures[n] || {};
  if (taken.poster) {
    const frame = element(element(parent, "div", { className: "frame" }), "div");
    frame.style.aspectRatio = taken.shape;
    element(frame, "img", { src: "data:image/jpeg;base64," + taken.poster, alt: "A frame of " + clips.ids[n], decoding: "async" });
    const box = element(frame, "i"), [left, top, width, height] = taken.box;
    Object.assign(box.style, { left: left + "%", top: top + "%", width: width + "%", height: height + "%" });
  }
  if (taken.crops) element(parent, "img", { className: "crops", src: "data:image/jpeg;base64," + taken.crops, alt: "Its aligned crops", decoding: "async" });
  if (taken.peaks) parent.appendChild(waveform(taken.peaks));
}

function waveform(peaks) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", "0 -100 " + (peaks.length - 1) + " 200");
  svg.setAttribute("preserveAspectRatio", "none");
  const upper = peaks.map((peak, x) => x + " " + -Math.max(peak, 2)), lower = peaks.map((peak, x) => x + " " + Math.max(peak, 2)).reverse();
  svg.appendChild(document.createElementNS(svg.namespaceURI, "path")).setAttribute("d", "M" + [...upper, ...lower].join("L") + "Z");
  return svg;
}

for (const sheet of document.querySelectorAll(".sheet")) {
  for (const [n, told] of sheets[sheet.dataset.sheet] || []) {
    if (!pictures[n]) continue;
    const card = element(sheet, "button", { className: "clip", onclick: () => open(n) });
    looks(card, n);
    const words = element(card, "div", { className: "told" });
    element(words, "b", {}, clips.ids[n]);
    if (told) element(words, "span", { className: "why" }, told);
    element(words, "span", {}, [named(clips.speaker, n), named(clips.split, n) || named(clips.status, n), clips.texts[n]].filter(Boolean).join(" · "));
    sheet.hidden = false;
  }
}
if (!document.querySelector("#typical .clip")) document.getElementById("typical").hidden = true;

/* One clip with all that is known of it. */

const dialog = document.querySelector("dialog");
dialog.onclick = event => { if (event.target === dialog) dialog.close(); };

function open(n) {
  dialog.replaceChildren();
  const head = element(dialog, "header"), title = element(head, "div");
  element(title, "h3", {}, clips.ids[n]);
  element(title, "p", {}, clips.sources[n]);
  element(head, "button", { onclick: () => dialog.close() }, "Close");
  const body = element(dialog, "div", { className: "looks" });
  if (pictures[n]) looks(element(body, "div", { className: "clip" }), n);
  const facts = element(body, "ul", { className: "facts" });
  const known = { speaker: named(clips.speaker, n), split: named(clips.split, n) || "in no shard", status: named(clips.status, n), message: clips.messages[n], words: clips.texts[n] };
  for (const name in known) if (known[name]) element(facts, "li", {}, name + ": " + known[name]);
  const table = element(element(dialog, "table"), "tbody");
  for (const check of [...checks].sort((a, b) => b.wrong[n] - a.wrong[n])) {
    const score = check.scores[n];
    if (score === null && !check.wrong[n]) continue;
    const row = element(table, "tr", { className: check.wrong[n] ? check.level : "" });
    element(row, "td", {}, check.title);
    element(row, "td", {}, (shown(score) + " " + check.unit).trim());
    element(row, "td", {}, "expected " + check.expected);
  }
  dialog.showModal();
}
