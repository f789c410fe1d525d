"use strict";
const at = id => document.getElementById(id);
const plan = JSON.parse(at("plan").textContent);
const slot = "s2f-study-" + plan.study;
let keeps = true, state = load() || fresh();
let shown = null; // the question on the screen: its trial, clips, videos, and which were seen to the end

// What is kept, in this browser alone.
function load() {
  try { return JSON.parse(localStorage.getItem(slot)); } catch { keeps = false; return null; }
}

function keep() {
  try { localStorage.setItem(slot, JSON.stringify(state)); } catch { keeps = false; }
}

function fresh() {
  const words = crypto.getRandomValues(new Uint32Array(4));
  return { viewer: [...words].map(word => word.toString(16).padStart(8, "0")).join(""), agreed: false, stopped: false, answers: [], unplayable: [], playing: {} };
}

// Numbers in [0, 1) that follow from a text: FNV-1a, then mulberry32.
function chance(text) {
  let seed = 2166136261;
  for (const letter of text) seed = Math.imul(seed ^ letter.charCodeAt(0), 16777619);
  return () => {
    seed = seed + 0x6d2b79f5 | 0;
    let mixed = Math.imul(seed ^ seed >>> 15, 1 | seed);
    mixed = mixed + Math.imul(mixed ^ mixed >>> 7, 61 | mixed) ^ mixed;
    return ((mixed ^ mixed >>> 14) >>> 0) / 4294967296;
  };
}

function shuffled(list, draw) {
  const order = [...list];
  for (let last = order.length - 1; last > 0; last--) {
    const other = Math.floor(draw() * (last + 1));
    [order[last], order[other]] = [order[other], order[last]];
  }
  return order;
}

// A viewer's questions: one form of the study, in an order and with sides that follow from the viewer's number.
function questions(viewer) {
  const draw = chance(plan.study + viewer);
  const form = plan.forms[Math.floor(draw() * plan.forms.length)];
  return shuffled(form, draw).map(trial => ({ id: trial.id, clips: shuffled(trial.clips, draw) }));
}

function settled() {
  return new Set([...state.answers.map(answer => answer.trial), ...state.unplayable]);
}

function waiting() {
  const done = settled();
  return questions(state.viewer).find(trial => !done.has(trial.id));
}

function show(name) {
  for (const each of ["start", "question", "end"]) at(each).hidden = each !== name;
  scrollTo(0, 0);
}

function start() {
  const count = questions(state.viewer).length, begun = settled().size > 0;
  at("lead").textContent = plan.pairs
    ? "You will see two clips of the same person who says the same sentence. One is a real film; in the other a computer has made the face speak. Which one is real?"
    : "You will see short clips of people who say a sentence. Some are real films; in the others a computer has made the face speak. Is what you see real or generated?";
  at("count").textContent = count === 1 ? "1 question" : count + " questions";
  at("minutes").textContent = plan.minutes === 1 ? "about a minute" : "about " + plan.minutes + " minutes";
  const steps = ["Turn your sound on, and watch on a screen that you see well.",
    plan.pairs ? "The clips play one after the other. Then choose the one that you take for real." : "The clip plays. Then say whether you take it for real or for generated.",
    "You can play a clip again as often as you like. There is no way back to an earlier question.",
    "Nobody is tested here but the computer. If you are not sure, go with your first feeling."];
  at("how").replaceChildren(...steps.map(words => Object.assign(document.createElement("li"), { textContent: words })));
  at("unable").hidden = Boolean(document.createElement("video").canPlayType('video/mp4; codecs="avc1.640020, mp4a.40.2"'));
  at("forgetful").hidden = keeps;
  at("consent").hidden = state.agreed;
  at("begin").disabled = !state.agreed || !at("unable").hidden;
  at("begin").textContent = begun ? "Go on" : "Start";
  show("start");
}

function proceed() {
  const trial = state.stopped ? null : waiting();
  if (trial) ask(trial); else finish();
}

function ask(trial) {
  clear();
  const count = questions(state.viewer).length, done = settled().size;
  at("number").textContent = (done + 1) + " of " + count;
  at("bar").style.width = 100 * done / count + "%";
  at("asked").textContent = plan.pairs ? "Which one is real?" : "Real or generated?";
  at("failed").hidden = true;
  if (state.playing.trial !== trial.id) state.playing = { trial: trial.id, plays: trial.clips.map(() => 0) };
  shown = { trial, since: performance.now(), seen: new Set(), videos: [], turn: 0 };
  const now = shown;
  at("clips").classList.toggle("pairs", plan.pairs);
  at("clips").replaceChildren(...trial.clips.map((clip, place) => frame(now, clip, place)));
  const names = plan.pairs ? [["Left is real", "←"], ["Right is real", "→"]] : [["Real", "R"], ["Generated", "G"]];
  at("choices").replaceChildren(...names.map(([name, key], place) => {
    const button = Object.assign(document.createElement("button"), { disabled: true, textContent: name });
    button.append(Object.assign(document.createElement("kbd"), { textContent: key }));
    button.onclick = () => choose(place);
    return button;
  }));
  tell();
  show("question");
  at("asked").focus({ preventScroll: true });
  play(now, 0, true);
}

function frame(now, clip, place) {
  const button = document.createElement("button"), video = document.createElement("video");
  button.className = "clip";
  button.setAttribute("aria-label", plan.pairs ? ["Play the left clip", "Play the right clip"][place] : "Play the clip");
  button.onclick = () => play(now, place, false);
  video.playsInline = true;
  video.disablePictureInPicture = true;
  const bytes = Uint8Array.from(atob(at("clip-" + clip).textContent.split(",")[1]), letter => letter.charCodeAt(0));
  video.src = URL.createObjectURL(new Blob([bytes], { type: "video/mp4" }));
  video.onplaying = () => button.classList.add("playing");
  video.onpause = () => button.classList.remove("playing");
  video.onended = () => {
    button.classList.remove("playing");
    now.seen.add(place);
    if (now.onward && place + 1 < now.videos.length) play(now, place + 1, true);
    tell();
  };
  video.onerror = () => { if (now === shown) at("failed").hidden = false; };
  now.videos.push(video);
  button.append(video);
  return button;
}

// Play one clip from its beginning, and if `onward` those after it; no two at once.
function play(now, place, onward) {
  now.onward = onward;
  now.videos.forEach(video => video.pause());
  now.videos[place].currentTime = 0;
  // Before a person has touched the page browsers refuse: the clip then waits for a click.
  now.videos[place].play().then(() => {
    if (now !== shown) return;
    state.playing.plays[place]++;
    keep();
  }, () => {});
}

function tell() {
  const ready = shown.seen.size === shown.videos.length;
  for (const button of at("choices").children) button.disabled = !ready;
  at("hint").textContent = ready ? "Choose, or play again." : plan.pairs ? "Watch both to the end." : "Watch it to the end.";
}

function choose(place) {
  if (!shown || shown.seen.size < shown.videos.length) return;
  const { trial, since } = shown;
  settle(() => state.answers.push({
    trial: trial.id,
    shown: trial.clips,
    real: plan.pairs ? trial.clips[place] : place === 0 ? trial.clips[0] : null,
    plays: state.playing.plays,
    seconds: Math.round(performance.now() - since) / 1000,
  }));
}

// Put down what became of a question, unless another tab has done so meanwhile, and go on.
function settle(put) {
  const { playing } = state, id = shown.trial.id, newer = keeps && load();
  if (newer && newer.viewer === state.viewer) state = { ...newer, playing };
  if (!settled().has(id)) put();
  keep();
  proceed();
}

function clear() {
  if (shown) for (const video of shown.videos) { video.onerror = null; video.pause(); URL.revokeObjectURL(video.src); }
  shown = null;
  at("clips").replaceChildren();
}

function finish() {
  clear();
  const count = questions(state.viewer).length, answers = state.answers.length, left = Boolean(waiting());
  at("thanks").textContent = left ? "Stopped" : "Thank you!";
  at("done").textContent = (left ? answers + " of " + count + " questions are answered. " : "You have answered " + answers + " of " + count + " questions. ") + (answers ? "One thing is left: your answers are still in this browser only. Save them, and send them back." : "There is nothing to send.");
  at("text").value = exported();
  at("back").hidden = !left;
  at("save").disabled = at("copy").disabled = !answers;
  at("next").hidden = true;
  show("end");
  at("thanks").focus({ preventScroll: true });
}

function exported() {
  return JSON.stringify({ kind: "s2f study answers", format: 1, study: plan.study, viewer: state.viewer, questions: questions(state.viewer).length, unplayable: state.unplayable, answers: state.answers });
}

at("agreed").onchange = () => { at("begin").disabled = !at("agreed").checked || !at("unable").hidden; };
at("begin").onclick = () => { state.agreed = true; state.stopped = false; keep(); proceed(); };
at("again").onclick = () => play(shown, 0, true);
at("skip").onclick = () => { const { id } = shown.trial; settle(() => state.unplayable.push(id)); };
at("stop").onclick = () => { state.stopped = true; keep(); proceed(); };
at("back").onclick = () => { state.stopped = false; keep(); proceed(); };
at("save").onclick = () => {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([exported() + "\n"], { type: "application/json" }));
  link.download = "answers-" + state.viewer.slice(0, 8) + ".json";
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
  at("next").hidden = false;
};
at("copy").onclick = async () => {
  const copied = await navigator.clipboard?.writeText(exported()).then(() => true, () => false);
  if (!copied) { at("text").select(); document.execCommand("copy"); }
  at("copy").textContent = "Copied";
  setTimeout(() => { at("copy").textContent = "Copy them as text"; }, 2000);
  at("next").hidden = false;
};
at("next").onclick = () => { state = fresh(); keep(); at("agreed").checked = false; start(); };
addEventListener("keydown", event => {
  if (!shown || event.repeat || event.ctrlKey || event.metaKey || event.altKey) return;
  const place = (plan.pairs ? ["ArrowLeft", "ArrowRight"] : ["r", "g"]).indexOf(plan.pairs ? event.key : event.key.toLowerCase());
  if (place >= 0) { event.preventDefault(); choose(place); }
  else if (event.key === " " && event.target.tagName !== "BUTTON") { event.preventDefault(); play(shown, 0, true); }
});
if (state.agreed && (state.stopped || !waiting())) finish(); else start();
