// Plays a recorded film (film.py) without a kernel. `recording` is defined by the lines before these (page.py).
// The last empty element of its class is the one that came with this script.
const root = [...document.querySelectorAll(".samwidget-film")].filter((node) => !node.firstChild).pop();

function begin() {
  const [width, height] = recording.size;
  const sharpness = 2;
  const letters = "system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif";
  const make = (kind, properties = {}, style = "") => {
    const node = Object.assign(document.createElement(kind), properties);
    node.style.cssText = style;
    return node;
  };
  root.style.cssText = `max-width:${width}px;font:16px ${letters}`;
  const button = "font:inherit;font-size:15px;padding:6px 14px;border:1px solid #8886;border-radius:6px;cursor:pointer;";
  const canvas = make("canvas", { width: sharpness * width, height: sharpness * height }, "width:100%;display:block");
  canvas.setAttribute("role", "img");
  const bar = make("div", {}, "display:flex;gap:6px;margin-bottom:8px");
  const sentence = make("div", {}, "font-size:18px;line-height:1.4;min-height:50px;margin-top:8px");
  sentence.setAttribute("aria-live", "polite");
  const controls = make("div", {}, "display:flex;gap:12px;align-items:center");
  const play = make("button", { type: "button" }, `${button}min-width:90px;background:#0072b2;color:#fff;border:0`);
  const slider = make("input", { type: "range", min: 0, step: 1 }, "flex:1");
  slider.setAttribute("aria-label", "Scene");
  const position = make("span");
  controls.append(play, slider, position);
  root.append(bar, canvas, sentence, controls);

  const images = recording.images.map((source) => Object.assign(new Image(), { src: source }));
  let detail = 0;
  let index = 0;
  let timer = 0;

  const draw = {
    text(context, text, x, y, size, fill, align, bold) {
      context.font = `${bold ? "bold " : ""}${size}px ${letters}`;
      Object.assign(context, { fillStyle: fill, textAlign: align });
      context.fillText(text, x, y);
    },
    picture(context, image, x, y, w, h) {
      context.drawImage(images[image], x, y, w, h);
    },
    line(context, points, fill, lineWidth) {
      Object.assign(context, { strokeStyle: fill, lineWidth });
      context.beginPath();
      for (const [x, y] of points) context.lineTo(x, y);
      context.stroke();
    },
    disc(context, x, y, radius, fill, edge) {
      for (const [r, colour] of [[radius + 2.5, edge], [radius, fill]]) {
        context.beginPath();
        context.arc(x, y, r, 0, 2 * Math.PI);
        context.fillStyle = colour;
        context.fill();
      }
    },
    area(context, x, y, w, h, fill) {
      context.fillStyle = fill;
      context.fillRect(x, y, w, h);
    },
  };

  function show() {
    const { scenes } = recording.details[detail];
    const scene = scenes[index];
    const context = canvas.getContext("2d");
    context.setTransform(sharpness, 0, 0, sharpness, 0, 0);
    context.fillStyle = "#ffffff";
    context.fillRect(0, 0, width, height);
    for (const [kind, ...values] of scene.items) draw[kind](context, ...values);
    canvas.setAttribute("aria-label", `${recording.title}: ${scene.sentence}`);
    sentence.textContent = scene.sentence;
    slider.max = scenes.length - 1;
    slider.value = index;
    position.textContent = `${index + 1} of ${scenes.length}`;
    play.textContent = timer ? "Pause" : "Play";
    root.dataset.scene = `${detail} ${index}`;
    [...bar.children].forEach((node, number) => {
      node.setAttribute("aria-pressed", String(number === detail));
      node.style.background = number === detail ? "#0072b2" : "transparent";
      node.style.color = number === detail ? "#fff" : "inherit";
    });
  }

  function pause() {
    clearInterval(timer);
    timer = 0;
  }

  function next() {
    const last = recording.details[detail].scenes.length - 1;
    index = Math.min(index + 1, last);
    if (index === last) pause();
    show();
  }

  play.onclick = () => {
    if (timer) {
      pause();
    } else {
      if (index === recording.details[detail].scenes.length - 1) index = 0;
      timer = setInterval(next, 1000 * recording.seconds);
    }
    show();
  };
  slider.oninput = () => {
    pause();
    index = Number(slider.value);
    show();
  };
  if (recording.details.length > 1) {
    recording.details.forEach(({ name }, number) => {
      const choose = make("button", { type: "button", textContent: name }, button);
      choose.onclick = () => {
        pause();
        detail = number;
        index = 0;
        show();
      };
      bar.append(choose);
    });
  }
  root.hidden = false;
  Promise.all(images.map((image) => image.decode())).then(show);
}

if (root) {
  const live = root.dataset.live;
  const views = () => (live ? document.getElementsByClassName(live) : []);
  if (!live || document.readyState === "loading") {
    // A page that was exported: whatever stands for the live player there has no kernel.
    begin();
    addEventListener("load", () => setTimeout(() => [...views()].forEach((view) => (view.style.display = "none"))));
  } else {
    // In a notebook the live player comes within moments, unless there is no kernel that knows it.
    const deadline = Date.now() + 6000;
    const wait = setInterval(() => {
      if (views().length || Date.now() > deadline) clearInterval(wait);
      if (!views().length && Date.now() > deadline) begin();
    }, 200);
  }
}
