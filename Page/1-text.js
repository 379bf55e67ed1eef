"use strict";
// Numbers, times and elements: everything that becomes text on the page.

/** An element by its id. */
const $ = (id) => document.getElementById(id);

/** A new element with text; text is never taken for markup. */
function make(tag, className, text) {
  const element = document.createElement(tag);
  if (className) element.className = className;
  if (text !== undefined) element.textContent = text;
  return element;
}

/** Text of others as it may be shown: what controls a terminal or turns writing around is spelled out. */
function shown(text) {
  if (text === null || text === undefined) return "null";
  const plain = String(text).replace(/[\u0000-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069]/g,
    (c) => "\\u{" + c.codePointAt(0).toString(16) + "}");
  return plain === "" ? "(empty)" : plain.length > 200 ? plain.slice(0, 199) + "…" : plain;
}

/** A value of a row as a number; NaN for what is none. Exact decimals come as strings. */
function number(value) {
  if (typeof value === "number") return value;
  return typeof value === "string" && /^-?[0-9.]+(e[-+]?[0-9]+)?$/i.test(value) ? Number(value) : NaN;
}

const grouped = new Intl.NumberFormat("en-US", { maximumFractionDigits: 0 });
function whole(value) { return Number.isFinite(value) ? grouped.format(value) : "–"; }

/** 9.1 k, 12 M: short enough for an axis. */
function short(value) {
  const size = Math.abs(value);
  if (!Number.isFinite(value)) return "–";
  if (size >= 1e12) return value.toExponential(1);
  for (const [unit, name] of [[1e9, " G"], [1e6, " M"], [1e3, " k"]]) {
    if (size >= unit) return (value / unit).toFixed(size >= 100 * unit ? 0 : 1) + name;
  }
  return size >= 100 || Number.isInteger(value) ? value.toFixed(0) : value.toPrecision(3);
}

function signed(value, text) { return (value > 0 ? "+" : value < 0 ? "−" : "±") + text; }
function percent(value) {
  return Number.isFinite(value) ? signed(value, Math.abs(value).toFixed(2)) + " %" : "–";
}

/** How many digits prices need, of those that were seen. */
function digitsOf(value) {
  const text = String(value);
  const point = text.indexOf(".");
  return point < 0 || text.includes("e") ? 0 : Math.min(text.length - point - 1, 8);
}

/** What the user has chosen, kept where the browser allows it. */
const settings = {
  read(name, otherwise) {
    try { return localStorage.getItem("streamer." + name) ?? otherwise; } catch { return otherwise; }
  },
  write(name, value) {
    try { localStorage.setItem("streamer." + name, value); } catch { /* not kept */ }
  },
};

/** Times in the chosen zone. Only text depends on it: times themselves stay, so that order does. */
const zone = {
  name: "UTC", made: new Map(),
  choose(name) {
    try { new Intl.DateTimeFormat("en-GB", { timeZone: name }); } catch { return false; }
    this.name = name;
    this.made.clear();
    settings.write("zone", name);
    return true;
  },
  format(ms, options) {
    const key = JSON.stringify(options);
    if (!this.made.has(key)) {
      this.made.set(key, new Intl.DateTimeFormat("en-GB", { timeZone: this.name, hourCycle: "h23", ...options }));
    }
    return this.made.get(key).format(new Date(ms));
  },
  clock(ms) { return this.format(ms, { hour: "2-digit", minute: "2-digit", second: "2-digit" }); },
  minute(ms) { return this.format(ms, { hour: "2-digit", minute: "2-digit" }); },
  day(ms) { return this.format(ms, { day: "numeric", month: "short" }); },
  date(ms) { return this.format(ms, { day: "numeric", month: "short", year: "numeric" }); },
  full(ms) { return this.day(ms) + " " + this.clock(ms); },
};

function span(ms) {
  const s = Math.abs(ms) / 1000;
  if (s < 10) return s.toFixed(1) + " s";
  if (s < 90) return s.toFixed(0) + " s";
  if (s < 5400) return (s / 60).toFixed(0) + " min";
  return s < 129600 ? (s / 3600).toFixed(1) + " h" : (s / 86400).toFixed(1) + " d";
}
function intervalName(ms) {
  if (ms === null || ms === undefined) return "";
  for (const [unit, name] of [[86400000, "d"], [3600000, "h"], [60000, "m"], [1000, "s"]]) {
    if (ms % unit === 0) return ms / unit + name;
  }
  return ms + "ms";
}
