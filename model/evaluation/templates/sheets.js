// Tables of values by row, video and column, sorted by the heading that was pressed.
const sheets = JSON.parse(document.getElementById("sheets").textContent);

function sheet(place) {
  const { about, rows } = sheets[place.dataset.sheet];
  const titles = ["", ...about, ...sheets.columns.map(column => column.title)];
  const label = element(place, "label", {}, "video ");
  const choice = element(label, "select", {});
  for (const name of sheets.videos) element(choice, "option", {}, name);
  const table = element(element(place, "div", { class: "table", tabindex: 0 }), "table", {});
  const head = element(element(table, "thead", {}), "tr", {}), body = element(table, "tbody", {});
  let by = 0, down = false;
  const value = (row, column) => column === 0 ? row.name : column <= about.length ? row.about[column - 1] : row.values[choice.value][column - 1 - about.length];
  const digits = column => sheets.columns[column - 1 - about.length].digits;

  function order(a, b) {
    const [one, other] = [value(a, by), value(b, by)];
    if (one === null || other === null) return (one === null) - (other === null);
    const way = typeof one === "number" ? one - other : one.localeCompare(other, "en", { numeric: true });
    return down ? -way : way;
  }

  function fill() {
    [...head.children].forEach((cell, n) => n === by ? cell.setAttribute("aria-sort", down ? "descending" : "ascending") : cell.removeAttribute("aria-sort"));
    body.replaceChildren();
    for (const row of [...rows].sort(order)) {
      const line = element(body, "tr", {}), name = element(line, "th", { scope: "row" }, row.link ? undefined : row.name);
      if (row.link) element(name, "a", { href: row.link }, row.name);
      for (let column = 1; column < titles.length; column++) {
        const score = value(row, column);
        const text = score === null ? "–" : column <= about.length ? String(score) : score.toFixed(digits(column)).replace("-", "−");
        element(line, "td", {}, text);
      }
    }
  }

  titles.forEach((title, column) => {
    const cell = element(head, "th", { scope: "col" });
    element(cell, "button", {}, title || place.dataset.sheet.slice(0, -1)).onclick = () => {
      down = column === by && !down;
      by = column;
      fill();
    };
  });
  choice.onchange = fill;
  fill();
}
for (const place of document.querySelectorAll(".sheet")) sheet(place);
