// Draws the charts, fills what a choice on the page decides, and filters the assumptions. Loads nothing.
(() => {
  "use strict";
  const { charts, look } = JSON.parse(document.getElementById("data").textContent);
  const narrow = matchMedia("(max-width: 639px)");
  const tooltip = { disableDefaultStyle: true, theme: "page" };

  // What goes into the places of a chart: columns and widest name of its legend, and what each list says.
  function chosen(name, spec, width) {
    const places = { "@columns": Math.max(1, Math.floor((width - 60) / 230)), "@label": narrow.matches ? 150 : 195 };
    for (const list of document.querySelectorAll(`select[data-for~="${name}"]`)) {
      const place = list.dataset.place;
      places[place] = list.value;
      for (const [part, value] of Object.entries(spec.usermeta?.choices?.[list.value] ?? {})) places[`${place}.${part}`] = value;
    }
    return places;
  }

  function fill(node, places) {
    if (typeof node === "string") return node in places ? places[node] : node;
    if (Array.isArray(node)) return node.map((item) => fill(item, places));
    if (node === null || typeof node !== "object") return node;
    return Object.fromEntries(Object.entries(node).map(([key, item]) => [key, fill(item, places)]));
  }

  const views = new Map();
  async function draw(figure) {
    const name = figure.dataset.chart;
    const spec = charts[name];
    if (!spec) return;
    figure.dataset.state = "drawing";
    try {
      views.get(figure)?.finalize();
      const options = { actions: false, renderer: "svg", ast: true, defaultStyle: false, config: look, tooltip };
      const plot = figure.querySelector(".plot");
      views.set(figure, await vegaEmbed(plot, fill(narrow.matches ? fitted(spec) : spec, chosen(name, spec, plot.clientWidth)), options));
      figure.dataset.state = "drawn";
    } catch (error) {
      figure.dataset.state = "failed";
      console.error(`chart ${name}: ${error}`);
    }
  }

  // A name in at most two lines.
  function wrapped(name) {
    const lines = [""];
    for (const word of name.split(" ")) {
      const line = lines.at(-1);
      if (line && line.length + word.length >= 20 && lines.length < 2) lines.push(word);
      else lines[lines.length - 1] = line ? `${line} ${word}` : word;
    }
    return lines;
  }

  // On a narrow screen names beside the plot take two lines, and rows are higher.
  function fitted(spec) {
    let hasNames = false;
    const fit = (node) => {
      if (Array.isArray(node)) return node.map(fit);
      if (node === null || typeof node !== "object") return node;
      const copy = Object.fromEntries(Object.entries(node).map(([key, item]) => [key, fit(item)]));
      if (copy.axis?.labelLimit) {
        hasNames = true;
        const lines = Object.fromEntries(copy.scale.domain.map((name) => [name, wrapped(name)]));
        Object.assign(copy.axis, { labelExpr: `(${JSON.stringify(lines)})[datum.value]`, labelLimit: 132, labelFontSize: 11, labelLineHeight: 12 });
      }
      return copy;
    };
    const copy = fit(spec);
    return hasNames ? { ...copy, height: Math.round(copy.height * 1.25) } : copy;
  }

  const figures = [...document.querySelectorAll("figure[data-chart]")];
  async function drawAll() {
    for (const figure of figures) await draw(figure);
    document.documentElement.dataset.charts = "done";
  }
  let width = innerWidth;
  let waiting;
  addEventListener("resize", () => {
    if (innerWidth === width) return;
    width = innerWidth;
    clearTimeout(waiting);
    waiting = setTimeout(drawAll, 150);
  });
  for (const list of document.querySelectorAll("select[data-for]")) {
    list.addEventListener("change", () => {
      for (const name of list.dataset.for.split(" ")) draw(document.querySelector(`figure[data-chart="${name}"]`));
    });
  }

  const find = document.getElementById("find");
  const grade = document.getElementById("grade");
  function filter() {
    const words = find.value.toLowerCase().split(/\s+/).filter(Boolean);
    const rows = [...document.querySelectorAll("#rows tr")];
    for (const row of rows) {
      const text = row.textContent.toLowerCase();
      row.hidden = (grade.value !== "" && row.dataset.grade !== grade.value) || !words.every((word) => text.includes(word));
    }
    const shown = rows.filter((row) => !row.hidden).length;
    document.getElementById("found").textContent = shown === rows.length ? "" : `${shown} of ${rows.length}`;
  }
  find?.addEventListener("input", filter);
  grade?.addEventListener("change", filter);

  drawAll();
})();
