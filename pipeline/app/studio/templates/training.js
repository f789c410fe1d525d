/* A training while it goes on. */
{
  const panel = document.getElementById("training"), error = panel.querySelector(":scope > .error");
  const select = panel.querySelector(".row select"), samples = panel.querySelector(".samples"), step = samples.querySelector("select");
  const EVERY = 3000;
  let known = "", asking = false;

  async function update() {
    if (asking || !select.value) return;
    asking = true;
    const name = select.value;
    try {
      const answer = await ask("run?" + query({ name, known }));
      if (answer.status === 200 && name === select.value) show(await answer.json());
      complain(error, null);
    } catch (refused) {
      complain(error, refused);
    }
    asking = false;
  }

  function show(run) {
    known = run.state;
    panel.querySelector(".about").innerHTML = run.about;
    setCharts(panel.querySelector(".figures"), "run", run.charts, run.figures);
    // Whoever looks at the newest sample sees the next one as it comes.
    const newest = !step.value || step.selectedIndex === 0, before = step.value;
    options(step, [...run.samples].reverse().map(each => [String(each), each.toLocaleString("en")]));
    if (newest && step.options.length) step.selectedIndex = 0;
    samples.hidden = !run.samples.length;
    if (step.value && step.value !== before) showSample();
  }

  function showSample() {
    const address = ending => "sample?" + query({ name: select.value, step: step.value, ending });
    const video = samples.querySelector("video");
    video.hidden = false;
    video.onerror = () => { video.hidden = true; };
    video.src = address("mp4");
    samples.querySelector("img").src = address("png");
  }

  step.onchange = showSample;
  select.onchange = () => {
    known = "";
    step.replaceChildren();
    update();
  };
  setInterval(() => { if (isOpen("training")) update(); }, EVERY);

  opened.training = async () => {
    const names = Object.keys(contents.runs);
    options(select, names.map(name => [name, `${name === "." ? "this folder" : name} (${contents.runs[name]})`]));
    select.closest(".row").hidden = !names.length;
    panel.querySelector(".empty").hidden = names.length > 0;
    await update();
  };
}
