// Numbers, times and shares as people read them. Nothing here touches the page.
"use strict";

const Format = (() => {
  const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
  const fine = new Intl.NumberFormat("en", { maximumFractionDigits: 1 });
  const short = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 });
  const share = new Intl.NumberFormat("en", { minimumFractionDigits: 2, maximumFractionDigits: 2 });
  const minute = new Intl.DateTimeFormat("en", { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
  const moment = new Intl.DateTimeFormat("en", { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });
  const day = new Intl.DateTimeFormat("en", { weekday: "short", day: "numeric", month: "short", timeZone: "UTC" });
  const DAY = /^\d{4}-\d{2}-\d{2}$/;
  const TIME = /^\d{4}-\d{2}-\d{2}T/;

  function seconds(value) {
    if (value < 1) return `${Math.round(value * 1000)} ms`;
    if (value < 60) return `${fine.format(value)} s`;
    if (value < 3600) return `${Math.floor(value / 60)} min ${Math.round(value % 60)} s`;
    if (value < 86400) return `${Math.floor(value / 3600)} h ${Math.round((value % 3600) / 60)} min`;
    return `${fine.format(value / 86400)} days`;
  }

  // A value of a unit, whole: for tiles, tables and tips.
  function value(what, unit) {
    if (what === null || what === undefined) return "–";
    if (typeof what === "boolean") return what ? "yes" : "no";
    if (unit === "percent") return `${share.format(what)} %`;
    if (unit === "seconds") return seconds(Number(what));
    if (unit === "time") return TIME.test(what) ? moment.format(new Date(what)) : label(what);
    if (typeof what === "number") return Number.isInteger(what) ? whole.format(what) : fine.format(what);
    return String(what);
  }

  // The same beside an axis, where there is little room.
  function tick(what, unit) {
    if (unit === "percent") return `${fine.format(what)} %`;
    if (unit === "seconds") return seconds(Number(what));
    return short.format(what);
  }

  // Where a point lies: a day, a minute or a word.
  function label(what) {
    if (typeof what !== "string") return String(what);
    if (DAY.test(what)) return day.format(new Date(`${what}T00:00:00Z`));
    return TIME.test(what) ? minute.format(new Date(what)) : what;
  }

  // Whether it is a word, and neither a number nor a time.
  const isWord = (what) => typeof what === "string" && !DAY.test(what) && !TIME.test(what);

  function ago(iso, now) {
    const passed = (now - new Date(iso)) / 1000;
    return passed < 1 ? "now" : `${seconds(Math.round(passed))} ago`;
  }

  return { value, tick, label, isWord, ago, clock: (when) => moment.format(when) };
})();
