// Asks for the numbers, again and again, and says what it knows when there is no answer.
"use strict";

(() => {
  const { made } = Draw;
  const described = JSON.parse(document.getElementById("described").textContent);
  const cards = document.getElementById("cards");
  const form = document.getElementById("filters");
  const TIMEOUT = 40_000;
  const RETRY = 5_000;
  let last = null; // the last answer that came
  let choices = null;
  let timer = 0;
  let asking = null;

  class Refused extends Error {
    constructor({ message, hint }) {
      super(message);
      this.hint = hint;
    }
  }

  async function asked(path, signal) {
    let answer;
    try {
      answer = await fetch(described.base + path, { signal: AbortSignal.any([AbortSignal.timeout(TIMEOUT), ...(signal ? [signal] : [])]) });
    } catch (failed) {
      if (signal?.aborted) throw failed;
      throw new Refused({ message: "The page's own server does not answer.", hint: "The page asks again by itself. On this machine `pulse up` starts it." });
    }
    if (answer.status === 401) location.assign(`${described.base}/login`);
    let said = {};
    try {
      said = await answer.json();
    } catch {
      // No JSON is an answer of something that stands before the page.
    }
    if (!answer.ok) throw new Refused(said.problem ?? { message: `The server answered ${answer.status}.`, hint: "The page asks again by itself." });
    return said;
  }

  // --- filters: the form and the address say the same -------------------------------------------------------------
  function words() {
    const found = new URLSearchParams();
    if (!form) return found;
    for (const [name, value] of new FormData(form)) if (value && !(name === "days" && value === "30")) found.set(name, value);
    if (found.has("days") || form.elements.days?.value) for (const name of ["date_from", "date_to"]) found.delete(name);
    return found;
  }

  function intoForm() {
    if (!form) return;
    const given = new URLSearchParams(location.search);
    const hasDates = given.has("date_from") || given.has("date_to");
    for (const field of form.elements) {
      if (!field.name) continue;
      const value = given.get(field.name) ?? (field.name === "days" && !hasDates ? "30" : "");
      if (field.tagName === "SELECT" && value && ![...field.options].some((one) => one.value === value)) field.add(new Option(value, value));
      field.value = value;
    }
  }

  function offer(found) {
    choices = found;
    for (const [name, values] of Object.entries(found.options)) {
      const field = form?.elements[name];
      if (!field) continue;
      const chosen = field.value;
      field.replaceChildren(new Option("All", ""), ...values.map((value) => new Option(value, value)));
      if (chosen && !values.includes(chosen)) field.add(new Option(chosen, chosen));
      field.value = chosen;
    }
  }

  function changed(event) {
    if (event.target.type === "date") form.elements.days.value = "";
    const query = words().toString();
    history.replaceState(null, "", query ? `?${query}` : location.pathname);
    refresh(true);
  }

  // --- what stands in the place of numbers ----------------------------------------------------------------------
  function empty() {
    const { applied } = last;
    const narrowed = Object.keys(applied).some((name) => !["days", "date_from", "date_to"].includes(name));
    if (!choices?.last_day && described.filters.length) {
      return made("p", { class: "empty" }, made("strong", {}, "The marts are empty."), "Send events (`pulse simulate`, `pulse import`, or your own), then `pulse transform` counts them.");
    }
    if (!described.filters.length) return made("p", { class: "empty" }, made("strong", {}, "Nothing yet."), "It fills as events arrive.");
    const around = narrowed ? "Take a filter back, or choose other days." : `There are events from ${Format.label(choices?.first_day)} to ${Format.label(choices?.last_day)}.`;
    const all = made("button", { type: "button" }, "Show all days");
    all.addEventListener("click", () => {
      form.elements.days.value = "all";
      changed({ target: form.elements.days });
    });
    return made("div", { class: "empty" }, made("strong", {}, "Nothing in this range."), around, made("br"), all);
  }

  function tell(problem) {
    const place = document.getElementById("problem");
    const text = problem ? `${problem.message} ${problem.hint ?? ""}` : "";
    if (place.dataset.text === text) return; // said once, not at every try
    place.dataset.text = text;
    place.hidden = !problem;
    place.replaceChildren(...(problem ? [made("strong", {}, problem.message), problem.hint ?? ""] : []));
  }

  function draw() {
    for (const card of described.cards) Draw.card(card, last.tables[card.key], document.querySelector(`#card-${card.key} .body`), empty);
  }

  function show(answer) {
    last = answer;
    for (const name of ["date_from", "date_to"]) {
      const field = form?.elements[name];
      if (field && document.activeElement !== field) field.value = answer.applied[name] ?? "";
    }
    draw();
    document.getElementById("as-of").textContent = `As of ${Format.clock(new Date(answer.as_of))}`;
  }

  function showHealth(lines) {
    document.getElementById("health").replaceChildren(...lines.map((line) => {
      const value = line.unit === "time" && line.value ? Format.ago(line.value, new Date()) : Format.value(line.value, line.unit);
      const state = { good: "", bad: " – needs a look", unknown: " – unknown" }[line.state];
      const shown = made("dd", {}, value, made("span", { class: "unseen" }, state));
      if (line.hint) shown.append(made("span", { class: "hint" }, line.hint));
      return made("div", { class: line.state, id: `health-${line.key}` }, made("dt", {}, line.title), shown);
    }));
  }

  // --- again and again ------------------------------------------------------------------------------------------
  const isPaused = () => document.getElementById("pause").getAttribute("aria-pressed") === "true";

  function later(milliseconds) {
    clearTimeout(timer);
    if (!isPaused()) timer = setTimeout(() => (document.hidden ? later(1_000) : refresh(false)), milliseconds);
  }

  async function refresh(byHand) {
    clearTimeout(timer);
    asking?.abort();
    const { signal } = (asking = new AbortController());
    cards.setAttribute("aria-busy", "true");
    try {
      if (described.filters.length && !choices) offer(await asked("/api/filters", signal));
      const answer = await asked(`/api/dashboards/${described.slug}?${words()}`, signal);
      show(answer);
      tell(null);
      if (byHand) document.getElementById("said").textContent = `Numbers as of ${Format.clock(new Date(answer.as_of))}.`;
      later(described.refresh_seconds * 1_000);
    } catch (failed) {
      if (signal.aborted) return;
      if (!(failed instanceof Refused)) throw failed;
      tell(failed);
      if (!last) for (const body of cards.querySelectorAll(".body")) body.replaceChildren(made("p", { class: "waiting" }, "No numbers yet."));
      later(RETRY);
    }
    cards.setAttribute("aria-busy", "false");
  }

  async function health() {
    let wait = 10_000;
    try {
      if (!document.hidden) showHealth((await asked("/api/health")).lines);
    } catch (failed) {
      if (!(failed instanceof Refused)) throw failed;
      showHealth([{ key: "unknown", title: "Pipeline", state: "unknown", value: "not known now", unit: "text", hint: failed.message }]);
      wait = RETRY;
    }
    setTimeout(health, wait);
  }

  document.getElementById("again").addEventListener("click", () => refresh(true));
  document.getElementById("pause").addEventListener("click", ({ target }) => {
    target.setAttribute("aria-pressed", String(!isPaused()));
    if (isPaused()) clearTimeout(timer);
    else refresh(true);
  });
  form?.addEventListener("change", changed);
  form?.addEventListener("submit", (event) => event.preventDefault());
  form?.addEventListener("reset", () => setTimeout(() => {
    history.replaceState(null, "", location.pathname);
    intoForm();
    refresh(true);
  }));
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => last && draw());
  addEventListener("popstate", () => {
    intoForm();
    refresh(true);
  });

  intoForm();
  refresh(false);
  health();
})();
