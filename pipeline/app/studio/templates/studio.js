/* What the three tabs share. */

const limits = JSON.parse(document.getElementById("limits").textContent);

// Ask the studio; what it refuses is thrown as { message, hint }.
async function ask(path, options) {
  let answer;
  try {
    answer = await fetch(path, options);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw { message: "the studio does not answer", hint: "is 's2f studio' still running?" };
  }
  if (answer.ok) return answer;
  const told = await answer.json().catch(() => ({}));
  throw { message: told.message || "the studio broke", hint: told.hint || "its terminal says how" };
}

const query = values => new URLSearchParams(values).toString();

// Say what is wrong, as the command line does, or nothing.
function complain(box, error) {
  box.hidden = !error;
  box.replaceChildren();
  if (!error) return;
  element(box, "b", {}, error.message || String(error));
  if (error.hint) element(box, "span", {}, error.hint);
}

function options(select, values) {
  const before = select.value;
  select.replaceChildren();
  for (const [value, words] of values) element(select, "option", { value }, words);
  if (values.some(([value]) => value === before)) select.value = before;
}

// New charts under their prefix: the same figures are drawn anew, others are made.
function setCharts(box, prefix, made, html) {
  const titles = made.map(chart => chart.title).join("\n");
  for (const key in charts) if (key.startsWith(prefix + "-")) delete charts[key];
  made.forEach((chart, number) => { charts[prefix + "-" + number] = chart; });
  if (box.dataset.titles === titles) return box.querySelectorAll(".plot").forEach(draw);
  for (const plot of box.querySelectorAll(".plot")) watcher.unobserve(plot);
  box.innerHTML = html;
  box.dataset.titles = titles;
  for (const plot of box.querySelectorAll(".plot")) watcher.observe(plot);
}

// What the folder holds, asked for whenever a tab is opened.
let contents = { runs: {}, generators: [], sets: [] };
const opened = {};
const tabs = [...document.querySelectorAll("[role=tab]")];
const isOpen = name => !document.hidden && document.getElementById("tab-" + name).getAttribute("aria-selected") === "true";

async function openTab(tab, focus) {
  for (const each of tabs) {
    const chosen = each === tab;
    each.setAttribute("aria-selected", chosen);
    each.tabIndex = chosen ? 0 : -1;
    document.getElementById(each.getAttribute("aria-controls")).hidden = !chosen;
  }
  if (focus) tab.focus();
  const name = tab.getAttribute("aria-controls");
  history.replaceState(null, "", "#" + name);
  const box = document.querySelector("#" + name + " > .error");
  try {
    contents = await (await ask("folder")).json();
    await opened[name]();
  } catch (error) {
    complain(box, error);
  }
}

tabs.forEach((tab, place) => {
  tab.onclick = () => openTab(tab);
  tab.onkeydown = event => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (step) openTab(tabs[(place + step + tabs.length) % tabs.length], true);
  };
});
// Once all scripts are there.
addEventListener("DOMContentLoaded", () => openTab(tabs.find(tab => "#" + tab.getAttribute("aria-controls") === location.hash) || tabs[0]));
