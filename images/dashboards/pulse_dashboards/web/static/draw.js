// Draws one card from its table. Every chart has its numbers beside it, for whoever does not see it.
"use strict";

const Draw = (() => {
  const styles = () => getComputedStyle(document.documentElement);
  const colour = (name) => styles().getPropertyValue(`--${name}`).trim();

  function made(tag, words = {}, ...children) {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(words)) {
      if (name === "class") element.className = value;
      else element.setAttribute(name, value);
    }
    element.append(...children);
    return element;
  }

  const at = (table, column) => table.columns.indexOf(column);
  const isNumeric = (unit) => unit !== "text" && unit !== "time";

  // The rows as a table of HTML: what a screen reader gets, and what everybody may look up.
  function numbers(card, table, caption) {
    const columns = card.series.map((one) => ({ ...one, place: at(table, one.column) }));
    for (const name of [card.x, card.row]) {
      if (name) columns.unshift({ title: name.replaceAll("_", " "), unit: "label", place: at(table, name) });
    }
    const head = made("tr", {}, ...columns.map((one) => made("th", { scope: "col", class: isNumeric(one.unit) && one.unit !== "label" ? "n" : "" }, one.title)));
    const body = table.rows.map((row) => made("tr", {}, ...columns.map((one, index) => {
      const text = one.unit === "label" ? Format.label(row[one.place]) : Format.value(row[one.place], one.unit);
      return index === 0 ? made("th", { scope: "row" }, text) : made("td", { class: isNumeric(one.unit) ? "n" : "" }, text);
    })));
    return made("table", {}, made("caption", { class: "unseen" }, caption), made("thead", {}, head), made("tbody", {}, ...body));
  }

  function scrolling(name, table) {
    return made("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": name }, table);
  }

  function number(card, table, body) {
    const [series] = card.series;
    const value = table.rows.length ? table.rows[0][at(table, series.column)] : null;
    const shown = made("p", { class: `value ${series.unit}` }, Format.value(value, series.unit));
    if (value !== null) shown.dataset.value = value;
    body.replaceChildren(shown);
    for (const mark of card.marks) {
      if (value !== null && value > mark.value) body.append(made("p", { class: "above" }, `above the mark of ${mark.title}`));
    }
    if (series.unit === "time" && value !== null) body.append(made("p", { class: "waiting" }, Format.ago(value, new Date())));
  }

  function heatmap(card, table, body) {
    const [series] = card.series;
    const [row, x, value] = [card.row, card.x, series.column].map((name) => at(table, name));
    const columns = [...new Set(table.rows.map((one) => one[x]))].sort((a, b) => a - b);
    const rows = Map.groupBy(table.rows, (one) => one[row]);
    const head = made("tr", {}, made("th", { scope: "col" }, card.row.replaceAll("_", " ")),
      ...columns.map((one) => made("th", { scope: "col" }, String(one))));
    const lines = [...rows].map(([name, cells]) => {
      const found = new Map(cells.map((one) => [one[x], one[value]]));
      return made("tr", {}, made("th", { scope: "row" }, Format.label(name)), ...columns.map((one) => {
        const share = found.get(one);
        const cell = made("td", {}, share === undefined ? "" : Format.value(share, series.unit));
        // At most 0.45 of the colour, so that the text stays readable on it.
        if (share !== undefined && share !== null) cell.style.backgroundColor = `rgba(${colour("heat")}, ${(0.45 * share) / 100})`;
        return cell;
      }));
    });
    body.replaceChildren(scrolling(card.title, made("table", {}, made("thead", {}, head), made("tbody", {}, ...lines))));
  }

  function datasets(card, table) {
    const drawn = card.series.map((one, index) => ({
      label: one.title,
      data: table.rows.map((row) => row[at(table, one.column)]),
      borderColor: colour(`series-${index}`), backgroundColor: colour(`series-${index}`),
      borderWidth: card.chart === "line" ? 2 : 0, pointRadius: table.rows.length > 45 ? 0 : 2.5, pointHitRadius: 12,
    }));
    const marks = card.marks.map((mark) => ({
      label: mark.title, type: "line", data: table.rows.map(() => mark.value), isMark: true,
      borderColor: colour("mark"), backgroundColor: colour("mark"), borderWidth: 1.5, borderDash: [6, 4], pointRadius: 0, pointHitRadius: 0,
    }));
    return [...drawn, ...marks];
  }

  // How many came so far, and how many were lost on the way to here.
  function waterfall(card, table) {
    const [series] = card.series;
    const came = table.rows.map((row) => row[at(table, series.column)]);
    const lost = came.map((value, index) => (index ? came[index - 1] - value : 0));
    return [
      { label: series.title, data: came, backgroundColor: colour("series-0") },
      { label: "lost since the step before", data: lost, backgroundColor: colour("lost") },
    ];
  }

  function stepLabels(card, table) {
    const [series] = card.series;
    const place = at(table, series.column);
    const first = table.rows[0][place];
    return table.rows.map((row) => {
      const share = first ? Format.value((100 * row[place]) / first, "percent") : "–";
      return [Format.label(row[at(table, card.x)]), `${Format.value(row[place], series.unit)} · ${share}`];
    });
  }

  // Bars of words lie, so that there is room for every word.
  const lies = (card, table) => card.chart !== "line" && Format.isWord(table.rows[0][at(table, card.x)]);

  function options(card, table) {
    const [{ unit }] = card.series;
    const isFunnel = card.chart === "funnel";
    const isLying = lies(card, table);
    const stacked = card.stacked || isFunnel;
    const [ink, grid] = [colour("faint"), colour("grid")];
    const counts = { beginAtZero: true, stacked, grid: { color: grid }, border: { display: false }, ticks: { color: ink, maxTicksLimit: 6, callback: (value) => Format.tick(value, unit) } };
    const labels = { stacked, grid: { display: false }, border: { color: grid }, ticks: { color: ink, maxRotation: 0, autoSkip: !isLying, autoSkipPadding: 14 } };
    return {
      animation: false, responsive: true, maintainAspectRatio: false, indexAxis: isLying ? "y" : "x",
      interaction: { mode: "index", axis: isLying ? "y" : "x", intersect: false },
      scales: isLying ? { x: counts, y: labels } : { x: labels, y: counts },
      plugins: {
        legend: { display: card.series.length + card.marks.length > 1 || isFunnel, position: "bottom", labels: { color: colour("ink"), boxWidth: 14, boxHeight: 3 } },
        tooltip: { filter: (item) => !item.dataset.isMark, callbacks: { label: (item) => ` ${item.dataset.label}: ${Format.value(item.raw, unit)}` } },
      },
    };
  }

  function summary(card, table) {
    const [series] = card.series;
    const values = table.rows.map((row) => row[at(table, series.column)]).filter((value) => value !== null);
    const spread = values.length ? `${series.title} from ${Format.value(Math.min(...values), series.unit)} to ${Format.value(Math.max(...values), series.unit)}.` : "";
    return `${card.title}: a chart of ${table.rows.length} points. ${spread} The numbers follow below it.`;
  }

  function chart(card, table, body) {
    const isFunnel = card.chart === "funnel";
    const config = {
      type: card.chart === "line" ? "line" : "bar",
      data: {
        labels: isFunnel ? stepLabels(card, table) : table.rows.map((row) => Format.label(row[at(table, card.x)])),
        datasets: isFunnel ? waterfall(card, table) : datasets(card, table),
      },
      options: options(card, table),
    };
    let canvas = body.querySelector("canvas");
    const drawn = canvas && Chart.getChart(canvas);
    if (drawn) {
      drawn.data = config.data;
      drawn.options = config.options;
      drawn.update("none");
      body.querySelector("details table").replaceWith(numbers(card, table, card.title));
    } else {
      canvas = made("canvas", { role: "img" });
      const all = made("details", {}, made("summary", {}, "Show the numbers"), scrolling(`Numbers of ${card.title}`, numbers(card, table, card.title)));
      body.replaceChildren(made("div", { class: "plot" }, canvas), all);
      new Chart(canvas, config);
    }
    canvas.setAttribute("aria-label", summary(card, table));
  }

  function clear(body) {
    const canvas = body.querySelector("canvas");
    if (canvas) Chart.getChart(canvas)?.destroy();
  }

  function problem({ message, hint }, body) {
    clear(body);
    body.replaceChildren(made("div", { class: "problem" }, made("strong", {}, message), hint));
  }

  // `empty` makes what stands in the place of a card without rows.
  function card(described, table, body, empty) {
    if (table.problem) return problem(table.problem, body);
    if (!table.rows.length) {
      clear(body);
      return body.replaceChildren(empty());
    }
    if (described.chart === "number") return number(described, table, body);
    if (described.chart === "heatmap") return heatmap(described, table, body);
    if (described.chart === "table") return body.replaceChildren(scrolling(described.title, numbers(described, table, described.title)));
    return chart(described, table, body);
  }

  return { card, made };
})();
