/* A photo and a speech to a video. */
{
  const panel = document.getElementById("animate"), form = panel.querySelector("form"), fields = form.elements;
  const error = panel.querySelector(":scope > .error"), doing = panel.querySelector(".doing"), made = panel.querySelector(".made");
  const button = form.querySelector("button.main"), stop = form.querySelector(".stop");
  const chosen = { photo: null, speech: null };
  let stream = null;

  const card = kind => panel.querySelector(`[data-from=${kind}]`);
  const way = kind => card(kind).querySelector(".ways :checked").value;

  // A file, or what was taken or recorded, is shown before it is sent.
  function choose(kind, file) {
    chosen[kind] = file;
    const shown = card(kind).querySelector(".chosen"), media = shown.querySelector("img, audio");
    if (media.src) URL.revokeObjectURL(media.src);
    shown.hidden = !file;
    if (!file) return media.removeAttribute("src");
    media.hidden = false;
    media.onerror = () => { media.hidden = true; };
    media.src = URL.createObjectURL(file);
    shown.querySelector("figcaption").textContent = file.name + ", " + (file.size / 1e6).toFixed(file.size < 1e5 ? 3 : 1) + " MB";
    complain(error, null);
  }

  for (const kind of ["photo", "speech"]) {
    const box = card(kind), drop = box.querySelector(".drop"), input = drop.querySelector("input");
    input.onchange = () => { if (input.files[0]) choose(kind, input.files[0]); };
    drop.ondragover = event => { event.preventDefault(); drop.classList.add("over"); };
    drop.ondragleave = () => drop.classList.remove("over");
    drop.ondrop = event => {
      event.preventDefault();
      drop.classList.remove("over");
      if (event.dataTransfer.files[0]) choose(kind, event.dataTransfer.files[0]);
    };
    box.querySelector(".ways").onchange = () => {
      for (const each of box.querySelectorAll(".way")) each.hidden = each.dataset.way !== way(kind);
      input.value = "";
      complain(error, null);
      choose(kind, null);
      release();
      if (way(kind) === "camera") look();
    };
  }

  // Browsers give camera and microphone to pages of this machine, and by https, only.
  if (!navigator.mediaDevices) for (const each of panel.querySelectorAll(".needs-camera")) each.hidden = true;

  function release() {
    stream?.getTracks().forEach(track => track.stop());
    stream = null;
  }

  async function open(what, name) {
    try {
      return await navigator.mediaDevices.getUserMedia(what);
    } catch (refused) {
      complain(error, { message: `the browser gives no ${name}: ${refused.message}`, hint: "allow it for this page, or choose a file" });
      return null;
    }
  }

  // The camera.
  const seen = card("photo").querySelector(".way video"), take = card("photo").querySelector(".take");
  async function look() {
    take.disabled = true;
    take.textContent = "Take the photo";
    const got = await open({ video: { width: { ideal: 1280 }, facingMode: "user" } }, "camera");
    if (!got) return;
    if (way("photo") !== "camera") return got.getTracks().forEach(track => track.stop());
    stream = seen.srcObject = got;
    seen.hidden = false;
    await seen.play();
    take.disabled = false;
  }
  take.onclick = () => {
    if (!stream) { choose("photo", null); return look(); }
    const canvas = document.createElement("canvas");
    canvas.width = seen.videoWidth;
    canvas.height = seen.videoHeight;
    canvas.getContext("2d").drawImage(seen, 0, 0);
    canvas.toBlob(blob => choose("photo", new File([blob], "photo.jpg", { type: blob.type })), "image/jpeg", 0.95);
    release();
    seen.hidden = true;
    take.textContent = "Take another one";
  };

  // The microphone.
  const record = card("speech").querySelector(".record"), clock = card("speech").querySelector("[data-way=microphone] output");
  let recorder = null;
  record.onclick = async () => {
    if (recorder) return recorder.stop();
    choose("speech", null);
    const got = await open({ audio: true }, "microphone");
    if (!got) return;
    const parts = [], begun = performance.now();
    const ticking = setInterval(() => { clock.textContent = ((performance.now() - begun) / 1000).toFixed(1) + " s"; }, 100);
    recorder = new MediaRecorder(got);
    recorder.ondataavailable = event => parts.push(event.data);
    recorder.onstop = () => {
      clearInterval(ticking);
      got.getTracks().forEach(track => track.stop());
      const type = recorder.mimeType, ending = type.includes("mp4") ? "mp4" : type.includes("ogg") ? "ogg" : "webm";
      recorder = null;
      record.textContent = "Record again";
      if (way("speech") === "microphone") choose("speech", new File(parts, "recording." + ending, { type }));
    };
    recorder.start();
    record.textContent = "Stop";
  };

  async function send(kind) {
    const file = chosen[kind];
    if (!file) return;
    if (file.size > limits.upload) throw { message: `${file.name} is larger than ${limits.megabytes} MB`, hint: "give a smaller file, or start the studio with a larger --upload-mb" };
    await ask("files/" + kind, { method: "PUT", body: file, headers: { "X-Name": encodeURIComponent(file.name) } });
  }

  form.onsubmit = async event => {
    event.preventDefault();
    complain(error, null);
    made.hidden = true;
    made.querySelector("video").pause();
    if (recorder) { recorder.stop(); await new Promise(done => setTimeout(done, 200)); }
    const text = way("speech") === "text" ? card("speech").querySelector("textarea").value : "";
    try {
      if (!chosen.photo) throw { message: "there is no photo", hint: "choose one, or take one with the camera" };
      if (!chosen.speech && !text.trim()) throw { message: "there is no speech", hint: "choose a sound, record one, or type what is to be said" };
      busy("The files are sent");
      await send("photo");
      await send("speech");
      const order = { text, run: fields.run.value, seed: Number(fields.seed.value) || 0, aligned: fields.aligned.checked };
      await ask("animation", { method: "POST", body: JSON.stringify(order), headers: { "Content-Type": "application/json" } });
      await follow();
    } catch (refused) {
      complain(error, refused);
      idle();
    }
  };

  stop.onclick = () => ask("animation", { method: "DELETE" }).catch(refused => complain(error, refused));

  function busy(words, done, total) {
    doing.hidden = stop.hidden = false;
    button.disabled = true;
    const bar = doing.querySelector("progress"), said = doing.querySelector("p");
    if (total) { bar.max = total; bar.value = done; } else bar.removeAttribute("value");
    if (said.textContent !== words) said.textContent = words;
  }

  function idle() {
    doing.hidden = stop.hidden = true;
    button.disabled = false;
  }

  // Until it is over, whatever is heard meanwhile.
  async function follow() {
    for (;;) {
      const told = await (await ask("animation")).json();
      panel.querySelector(".notes").replaceChildren();
      for (const note of told.notes || []) element(panel.querySelector(".notes"), "p", { class: "note" }, note);
      if (told.state === "waiting") busy(told.ahead ? `${told.ahead} before you` : "It begins");
      else if (told.state === "working") busy(told.total ? `Frame ${told.done} of ${told.total}` + (told.left ? `, ${told.left} left` : "") : "The face is looked for", told.done, told.total);
      else return end(told);
      await new Promise(done => setTimeout(done, 250));
    }
  }

  function end(told) {
    idle();
    if (told.state === "failed") complain(error, told);
    if (told.state !== "done") return;
    const video = made.querySelector("video"), address = "speaking.mp4?" + Date.now();
    made.hidden = false;
    made.querySelector("p").textContent = `${told.seconds.toFixed(2)} s of video, ${told.frames} frames`;
    made.querySelector("a").href = video.src = address;
    made.focus();
    made.scrollIntoView({ block: "nearest" });
    // Where the browser does not let it begin by itself, its own button does.
    video.play().catch(() => {});
  }

  opened.animate = async () => {
    options(fields.run, [["", "of the package"], ...contents.generators.map(name => [name, name])]);
    if (button.disabled) return;
    const told = await (await ask("animation")).json();
    // What another tab of this browser, or this page before it was loaded anew, has begun.
    if (["waiting", "working"].includes(told.state)) await follow();
  };
}
