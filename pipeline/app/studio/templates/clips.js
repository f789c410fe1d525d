/* The clips of a prepared set. */
{
  const panel = document.getElementById("clips"), error = panel.querySelector(":scope > .error"), browser = panel.querySelector(".browser");
  const form = panel.querySelector("form"), fields = form.elements, list = panel.querySelector("ul"), more = panel.querySelector(".more");
  const article = panel.querySelector("article"), video = article.querySelector("video"), seen = article.querySelector(".seen");
  const MANY = 200, collator = new Intl.Collator("en", { numeric: true });
  let set = null, name = "", rows = [], needles = [], current = -1, clip = null, waiting = null;

  const coded = (column, n) => column.names[column.codes[n]];
  const isKept = n => coded(set.status, n) === "ok";

  async function openSet() {
    name = fields.set.value;
    set = await (await ask("set?" + query({ name }))).json();
    needles = set.ids.map((id, n) => [id, coded(set.speaker, n), coded(set.status, n), set.texts[n], set.sources[n], set.messages[n] || ""].join("\n").toLowerCase());
    const choices = (column, all, empty) => [["", all], ...[...column.names].sort(collator.compare).map(each => ["=" + each, each || empty])];
    const rejected = set.status.names.some(each => each !== "ok") ? [["!", "all that are not ok"]] : [];
    const [any, ...each] = choices(set.status, "any");
    options(fields.status, [any, ...rejected, ...each]);
    options(fields.speaker, choices(set.speaker, "all", "unknown"));
    current = -1;
    article.hidden = true;
    browser.hidden = false;
    filter();
  }

  function filter() {
    const wanted = fields.text.value.trim().toLowerCase().split(/\s+/).filter(Boolean);
    const { status: { value: status }, speaker: { value: speaker } } = fields;
    rows = set.ids.map((_, n) => n).filter(n =>
      (!status || (status === "!" ? !isKept(n) : "=" + coded(set.status, n) === status)) &&
      (!speaker || "=" + coded(set.speaker, n) === speaker) &&
      wanted.every(word => needles[n].includes(word)));
    const kept = rows.filter(isKept).length, all = set.ids.length;
    panel.querySelector(".listed output").textContent = `${rows.length.toLocaleString("en")} of ${all.toLocaleString("en")} clips, ${kept.toLocaleString("en")} ok`;
    panel.querySelector(".next").disabled = kept === rows.length;
    list.replaceChildren();
    grow();
  }

  function grow(to = list.children.length + MANY) {
    for (const n of rows.slice(list.children.length, to)) {
      const row = element(element(list, "li"), "button", { type: "button", class: isKept(n) ? "ok" : "bad" });
      row.append(set.ids[n]);
      element(row, "small", {}, [coded(set.speaker, n), isKept(n) ? coded(set.split, n) || "in no shard" : coded(set.status, n)].join(" · "));
      if (n === current) row.setAttribute("aria-current", true);
      row.onclick = () => openClip(n);
    }
    more.hidden = list.children.length >= rows.length;
  }
  more.onclick = () => grow();

  // Up and down in the list.
  list.onkeydown = event => {
    const step = { ArrowDown: "nextElementSibling", ArrowUp: "previousElementSibling" }[event.key];
    const row = step && document.activeElement.parentElement[step];
    if (!step) return;
    event.preventDefault();
    row?.firstElementChild.focus();
  };

  panel.querySelector(".next").onclick = () => {
    const place = rows.indexOf(current), turned = [...rows.slice(place + 1), ...rows.slice(0, place + 1)];
    const next = turned.find(n => !isKept(n));
    if (next !== undefined) openClip(next);
  };

  async function openClip(n) {
    current = n;
    if (rows.indexOf(n) >= list.children.length) grow(rows.indexOf(n) + 1);
    for (const row of list.querySelectorAll("[aria-current]")) row.removeAttribute("aria-current");
    const row = list.children[rows.indexOf(n)]?.firstElementChild;
    row?.setAttribute("aria-current", true);
    row?.scrollIntoView({ block: "nearest" });
    // What is not waited for any more need not be made.
    waiting?.abort();
    const { signal } = waiting = new AbortController();
    const which = query({ set: name, id: set.ids[n] });
    try {
      const told = await (await ask("clip?" + which, { signal })).json();
      showClip(told);
      // Where the list is above the clip, the clip is out of sight.
      if (article.getBoundingClientRect().top > innerHeight / 2) article.scrollIntoView();
      complain(error, null);
      const film = await (await ask("film?" + which, { signal })).blob();
      video.src = URL.createObjectURL(film);
      video.closest(".player").hidden = false;
      seen.textContent = "";
    } catch (refused) {
      if (refused.name === "AbortError") return;
      seen.textContent = "";
      complain(article.hidden ? error : article.querySelector(".error"), refused);
    }
  }

  function showClip(told) {
    clip = told;
    article.hidden = false;
    article.querySelector("h2").textContent = told.id;
    complain(article.querySelector(".error"), null);
    if (video.src) URL.revokeObjectURL(video.src);
    video.removeAttribute("src");
    video.closest(".player").hidden = true;
    seen.textContent = "The clip is read …";
    article.querySelector(".about").innerHTML = told.about;
    article.querySelector(".under .check").hidden = !told.track;
    const box = article.querySelector(".figures");
    delete box.dataset.titles;
    setCharts(box, "clip", told.charts, told.figures);
    for (const plot of box.querySelectorAll(".plot")) plot.onclick = event => seek(plot, event);
    const overlay = article.querySelector(".player svg"), wave = article.querySelector(".wave"), { peaks } = told.sound;
    overlay.setAttribute("viewBox", told.track ? `0 0 ${told.track.width} ${told.track.height}` : "0 0 1 1");
    overlay.setAttribute("preserveAspectRatio", "none");
    wave.toggleAttribute("hidden", !peaks.length);
    wave.setAttribute("viewBox", `0 -100 ${peaks.length} 200`);
    const upper = peaks.map((peak, x) => `${x + 0.5} ${-Math.max(peak, 1)}`), lower = peaks.map((peak, x) => `${x + 0.5} ${Math.max(peak, 1)}`).reverse();
    wave.querySelector("path").setAttribute("d", peaks.length ? "M" + [...upper, ...lower].join("L") + "Z" : "");
    mark(0);
  }

  // Where a curve is clicked, the video goes.
  function seek(plot, event) {
    const at = event.clientX - plot.getBoundingClientRect().left, from = plot.across(0), second = plot.across(1) - from;
    if (video.src) video.currentTime = Math.max(0, (at - from) / second + (clip.first + 0.5) / clip.sound.fps);
  }

  // The frame that is seen, with its box and points, its window of the sound, and its place in the curves.
  function mark(frame) {
    const { sound, track } = clip, n = frame - clip.first, box = track?.boxes[n];
    const [rect, path] = article.querySelectorAll(".player svg > *");
    const drawn = article.querySelector(".track").checked && box;
    rect.setAttribute("visibility", drawn ? "visible" : "hidden");
    path.setAttribute("d", "");
    if (drawn) {
      const [left, top, right, bottom] = box;
      for (const [key, value] of Object.entries({ x: left, y: top, width: right - left, height: bottom - top })) rect.setAttribute(key, value);
      const points = track.points[n];
      path.setAttribute("d", points.map((value, place) => (place % 2 ? " " + value + "h0" : "M" + value)).join(""));
    }
    const start = sound.starts[n], band = article.querySelector(".wave rect"), scale = sound.peaks.length / (sound.samples || 1);
    band.setAttribute("visibility", start === undefined ? "hidden" : "visible");
    if (start !== undefined) {
      for (const [key, value] of Object.entries({ x: start * scale, y: -100, width: sound.window * scale, height: 200 })) band.setAttribute(key, value);
    }
    for (const plot of article.querySelectorAll(".plot")) if (n >= 0) show(plot, n / sound.fps);
    if (!video.src) return;
    const told = [`frame ${frame}`];
    if (start !== undefined) told.push(`window ${start.toLocaleString("en")} to ${(start + sound.window).toLocaleString("en")} of ${sound.samples.toLocaleString("en")} samples, ${sound.loudness[n]} dB`);
    seen.textContent = told.join(", ");
  }

  let last = -1;
  function follow() {
    if (clip && video.src) {
      const frame = Math.floor(video.currentTime * clip.sound.fps + 0.01);
      if (frame !== last) mark(last = frame);
    }
    if (!video.paused && !video.ended) requestAnimationFrame(follow);
  }
  video.onplay = follow;
  video.onseeked = video.onloadeddata = video.onpause = () => { last = -1; follow(); };
  article.querySelector(".track").onchange = () => { last = -1; follow(); };

  fields.set.onchange = () => openSet().catch(refused => complain(error, refused));
  form.onsubmit = event => event.preventDefault();
  for (const field of ["text", "status", "speaker"]) fields[field].oninput = filter;

  opened.clips = async () => {
    options(fields.set, contents.sets.map(each => [each, each === "." ? "this folder" : each]));
    form.hidden = !contents.sets.length;
    panel.querySelector(".empty").hidden = contents.sets.length > 0;
    if (contents.sets.length && fields.set.value !== name) await openSet();
  };
}
