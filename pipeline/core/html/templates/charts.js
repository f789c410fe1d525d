"use strict";
// Draws the curves of a page into its plots, from the data in its element "charts".
const charts = JSON.parse(document.getElementById("charts").textContent);
const edge = { top: 12, right: 14, bottom: 34, left: 56 };

function element(parent, name, attributes, text) {
  const made = document.createElementNS(parent.namespaceURI, name);
  for (const key in attributes) made.setAttribute(key, attributes[key]);
  if (text !== undefined) made.textContent = text;
  return parent.appendChild(made);
}

// About `count` round numbers between two others.
function ticks(low, high, count) {
  const rough = (high - low) / count, power = Math.pow(10, Math.floor(Math.log10(rough)));
  const step = power * [1, 2, 5, 10].find(each => each * power >= rough * 0.999);
  const values = [];
  for (let n = Math.ceil(low / step - 1e-9); n * step <= high + step * 1e-9; n++) values.push(n * step);
  return values;
}

function number(value) {
  if (value === 0) return "0";
  const size = Math.abs(value);
  if (size < 0.001) return value.toExponential(1).replace("-", "−");
  return String(+value.toPrecision(4)).replace("-", "−");
}

function steps(value) {
  return value >= 1e6 ? +(value / 1e6).toPrecision(4) + " M" : value >= 1e4 ? +(value / 1e3).toPrecision(4) + " k" : String(+value.toPrecision(6));
}

// The running mean of a curve of many points; a short one is shown as it is.
function smooth(points) {
  const half = Math.floor(points.length / 40);
  if (half < 1) return null;
  return points.map((point, n) => {
    const near = points.slice(Math.max(0, n - half), n + half + 1);
    return [point[0], near.reduce((sum, each) => sum + each[1], 0) / near.length];
  });
}

// The range of the values, without the outliers and the begin of a long curve, which would flatten the rest.
function range(chart) {
  const kept = [];
  for (const series of chart.series) {
    if (!chart.settles) {
      kept.push(...series.points.map(point => point[1]));
      continue;
    }
    const begin = series.points.length < 20 ? 0 : Math.floor(series.points.length / 6);
    const values = series.points.slice(begin).map(point => point[1]).sort((a, b) => a - b);
    const cut = Math.floor(values.length / 50);
    kept.push(...values.slice(cut, values.length - cut));
  }
  for (const level of chart.levels) kept.push(level.value);
  for (const point of chart.series[0].points) if (point[0] === chart.mark) kept.push(point[1]);
  if (chart.zero) kept.push(0);
  let low = kept.reduce((a, b) => Math.min(a, b)), high = kept.reduce((a, b) => Math.max(a, b));
  const room = (high - low) * 0.08 || Math.abs(high) * 0.1 || 1;
  return [low >= 0 && low - room < 0 ? 0 : low - room, high + room];
}

function draw(plot) {
  const chart = charts[plot.dataset.chart];
  const svg = plot.querySelector("svg"), width = plot.clientWidth, height = plot.clientHeight;
  svg.replaceChildren();
  const all = chart.series.flatMap(series => series.points);
  if (!all.length || !width) return;
  const first = Math.min(...all.map(p => p[0])), last = Math.max(...all.map(p => p[0]));
  const [left, right] = first < last ? [first, last] : [first - 1, last + 1];
  const [low, high] = range(chart);
  const x = step => edge.left + (step - left) / (right - left) * (width - edge.left - edge.right);
  const y = value => height - edge.bottom - (value - low) / (high - low) * (height - edge.top - edge.bottom);

  for (const value of ticks(low, high, 5)) {
    element(svg, "line", { class: "grid", x1: edge.left, x2: width - edge.right, y1: y(value), y2: y(value) });
    element(svg, "text", { x: edge.left - 8, y: y(value) + 4, "text-anchor": "end" }, number(value));
  }
  element(svg, "line", { class: "base", x1: edge.left, x2: width - edge.right, y1: height - edge.bottom, y2: height - edge.bottom });
  const whole = chart.over === "step";
  const marks = ticks(left, right, Math.max(2, Math.floor(width / 75))).filter(at => !whole || Number.isInteger(at));
  for (const step of marks) {
    element(svg, "text", { x: x(step), y: height - edge.bottom + 16, "text-anchor": "middle" }, steps(step));
  }
  element(svg, "text", { x: width - edge.right, y: height - 3, "text-anchor": "end" }, chart.over);

  const clip = "clip" + plot.dataset.chart;
  const area = { x: edge.left - 9, y: edge.top - 9, width: width - edge.left - edge.right + 18, height: height - edge.top - edge.bottom + 18 };
  element(element(svg, "clipPath", { id: clip }), "rect", area);
  const inside = element(svg, "g", { "clip-path": "url(#" + clip + ")" });
  const line = points => points.map((p, n) => (n ? "L" : "M") + x(p[0]).toFixed(1) + " " + y(p[1]).toFixed(1)).join("");
  for (const level of chart.levels) {
    element(inside, "line", { class: "level " + level.look, x1: edge.left, x2: width - edge.right, y1: y(level.value), y2: y(level.value) });
  }
  for (const series of chart.series) {
    const mean = chart.settles ? smooth(series.points) : null;
    element(inside, "path", { class: "curve " + series.look + (mean ? " raw" : ""), d: line(series.points) });
    if (mean) element(inside, "path", { class: "curve " + series.look, d: line(mean) });
    if (series.points.length < 30 && series.look !== "still") {
      for (const p of series.points) element(inside, "circle", { class: "dot " + series.look, cx: x(p[0]), cy: y(p[1]), r: 3.5 });
    }
  }
  const best = chart.series[0].points.find(p => p[0] === chart.mark);
  if (best) {
    element(inside, "circle", { class: "best", cx: x(best[0]), cy: y(best[1]), r: 7 });
    element(svg, "text", { class: "bestname", x: x(best[0]), y: y(best[1]) - 13, "text-anchor": "middle" }, "best");
  }
  plot.across = x;
  follow(plot, element(svg, "g", { "clip-path": "url(#" + clip + ")" }), chart, x, y);
}

// The values of the step that is nearest to the pointer.
function follow(plot, group, chart, x, y) {
  const known = [...new Set(chart.series.flatMap(series => series.points.map(p => p[0])))];
  const tip = plot.querySelector(".tip");
  tip.hidden = true;
  plot.onpointermove = event => {
    const at = event.clientX - plot.getBoundingClientRect().left;
    const step = known.reduce((a, b) => Math.abs(x(b) - at) < Math.abs(x(a) - at) ? b : a);
    group.replaceChildren();
    element(group, "line", { class: "rule", x1: x(step), x2: x(step), y1: edge.top, y2: plot.clientHeight - edge.bottom });
    const rounded = chart.over === "step" ? Math.round(step) : +step.toFixed(3);
    tip.replaceChildren(chart.over + " " + rounded.toLocaleString("en"));
    for (const series of chart.series) {
      const point = series.points.find(p => p[0] === step);
      if (!point) continue;
      element(group, "circle", { class: "dot " + series.look, cx: x(step), cy: y(point[1]), r: 4 });
      const row = tip.appendChild(document.createElement("div"));
      row.textContent = series.name + " " + number(point[1]);
    }
    tip.hidden = false;
    const after = x(step) < plot.clientWidth / 2;
    tip.style.left = after ? x(step) + 12 + "px" : "auto";
    tip.style.right = after ? "auto" : plot.clientWidth - x(step) + 12 + "px";
  };
  plot.onpointerleave = () => { tip.hidden = true; group.replaceChildren(); };
}

// A line at one place of the axis.
function show(plot, at) {
  if (!plot.across) return;
  plot.querySelector(".now")?.remove();
  const x = plot.across(at);
  element(plot.querySelector("svg"), "line", { class: "now", x1: x, x2: x, y1: edge.top, y2: plot.clientHeight - edge.bottom });
}

const watcher = new ResizeObserver(entries => entries.forEach(entry => {
  if (entry.target.dataset.width !== String(entry.target.clientWidth)) {
    entry.target.dataset.width = entry.target.clientWidth;
    draw(entry.target);
  }
}));
for (const plot of document.querySelectorAll(".plot")) watcher.observe(plot);
