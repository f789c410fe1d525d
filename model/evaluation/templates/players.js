// Videos in step: one leads, the one with the sound, whose start takes longest. The others set off as soon
// as it has, and hurry or wait by a little, or leap.
for (const clip of document.querySelectorAll(".clip")) {
  const videos = [...clip.querySelectorAll("video")], lead = videos[0], plot = clip.querySelector(".plot");
  if (!lead) continue;
  const frame = 1 / clip.dataset.fps, button = clip.querySelector(".play");
  const slider = clip.querySelector("input"), told = clip.querySelector("output");
  const last = +slider.max;
  let playing = false;

  const settled = video => new Promise(done => {
    const ready = () => !video.seeking && video.readyState >= 3;
    if (ready()) return done();
    const look = () => { if (ready()) { ["seeked", "canplay"].forEach(name => video.removeEventListener(name, look)); done(); } };
    ["seeked", "canplay"].forEach(name => video.addEventListener(name, look));
  });

  function tell() {
    const now = Math.min(lead.currentTime, last);
    slider.value = now;
    told.textContent = now.toFixed(2) + " s";
    show(plot, now);
  }

  // To the middle of a frame, so that it is that frame which is seen.
  function seek(seconds) {
    const at = (Math.floor(Math.max(0, Math.min(last, seconds)) / frame + 1e-3) + 0.5) * frame;
    for (const video of videos) video.currentTime = at;
  }

  function follow() {
    if (!playing) return;
    for (const video of videos.slice(1)) {
      const late = lead.currentTime - video.currentTime;
      // What a quick pause breaks off is no error.
      if (late > 0 && video.paused && !video.ended) video.play().catch(() => {});
      if (Math.abs(late) > 4 * frame && !video.seeking) video.currentTime = lead.currentTime;
      video.playbackRate = 1 + Math.max(-0.8, Math.min(0.8, late * 10));
    }
    tell();
    requestAnimationFrame(follow);
  }

  function pause() {
    playing = false;
    button.textContent = "▶";
    button.setAttribute("aria-label", "Play");
    for (const video of videos) video.pause();
    seek(lead.currentTime);
  }

  async function play() {
    document.dispatchEvent(new CustomEvent("alone", { detail: clip }));
    playing = true;
    button.textContent = "❚❚";
    button.setAttribute("aria-label", "Pause");
    if (lead.ended || lead.currentTime >= last) seek(0);
    for (const video of videos) video.currentTime = lead.currentTime;
    await Promise.all(videos.map(settled));
    if (!playing) return;
    await lead.play().catch(() => {});
    follow();
  }

  document.addEventListener("alone", event => { if (event.detail !== clip && playing) pause(); });
  button.onclick = () => playing ? pause() : play();
  for (const video of videos) video.onclick = button.onclick;
  lead.onended = pause;
  lead.onseeked = tell;
  slider.oninput = () => seek(+slider.value);
  clip.querySelector(".back").onclick = () => { if (playing) pause(); seek(lead.currentTime - frame); };
  clip.querySelector(".next").onclick = () => { if (playing) pause(); seek(lead.currentTime + frame); };
}
