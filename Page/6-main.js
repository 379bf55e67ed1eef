// What is looked at, and what the user does.

const viewNames = { candles: "Candles", flow: "Order flow", compare: "Compare", kpis: "KPIs" };
const modeNames = { close: "Close", percent: "%", rebased: "100", share: "Volume" };

const page = {
  view: settings.read("view", "candles"), query: null, table: null, symbol: null, bars: null,
  compared: [], mode: "percent", sort: new Map(), views: {}, chart: null, lists: [],
};

function buttons(host, names, chosen, choose) {
  if (host.children.length !== names.length || names.some(([, text], i) => host.children[i].textContent !== text)) {
    host.replaceChildren(...names.map(([name, text]) => {
      const button = make("button", "", text);
      button.type = "button";
      button.addEventListener("click", () => choose(name));
      return button;
    }));
  }
  names.forEach(([name], i) => host.children[i].setAttribute("aria-pressed", String(name === chosen)));
}

function hasFlow(query) { return query && (roles(query).buy >= 0 || roles(query).delta >= 0); }

/** What there is to look at is known, or is other than before. */
function ready(changed) {
  const candles = store.candles();
  const tables = store.queries.filter((query) => query.view === "table");
  if (changed || !page.query) page.query = candles.find((query) => query.q === settings.read("query", "")) ?? candles[0] ?? null;
  page.query = page.query && store.query(page.query.q);
  page.table = (page.table && store.query(page.table.q)) ?? tables[0] ?? null;
  $("job").textContent = store.job;
  document.title = store.job + " · streamer";
  const allowed = [candles.length && "candles", hasFlow(page.query) && "flow", candles.length && page.query.symbol !== null && "compare", (tables.length || !candles.length) && "kpis"].filter(Boolean);
  page.allowed = allowed;
  if (!allowed.includes(page.view)) page.view = allowed[0];
  if (page.query && page.query.symbol === null) page.symbol = "";
  drawChoices();
  subscribe(changed);
  loadShown();
}

function drawChoices() {
  buttons($("views"), (page.allowed ?? []).map((view) => [view, viewNames[view]]), page.view, chooseView);
  const list = page.view === "kpis" ? store.queries.filter((q) => q.view === "table") : store.candles();
  const chosen = page.view === "kpis" ? page.table : page.query;
  const plain = (query) => (query.interval_ms !== null && list.filter((q) => q.interval_ms === query.interval_ms).length === 1 ? intervalName(query.interval_ms) : query.q);
  buttons($("intervals"), list.map((query) => [query.q, shown(plain(query))]), chosen?.q, chooseQuery);
  $("intervals").hidden = list.length < 2 && page.view === "kpis";
  buttons($("modes"), Object.entries(modeNames), page.mode, (mode) => { page.mode = mode; drawChoices(); page.views.compare?.setMode(mode); schedule(); });
  $("modes").hidden = page.view !== "compare";
  $("symbols").hidden = page.view === "kpis" || page.query?.symbol === null;
  document.querySelector("main").style.gridTemplateColumns = $("symbols").hidden ? "minmax(0, 1fr)" : "";
}

function chooseView(view) {
  if (!page.allowed?.includes(view)) return;
  page.view = view;
  settings.write("view", view);
  if (view === "compare" && page.compared.length === 0) page.compared = sortedSymbols().slice(0, 5);
  for (const bars of store.bars.values()) bars.mustRebuild = true;
  drawChoices();
  subscribe(true);
  loadShown();
  schedule();
}

function chooseQuery(name) {
  const query = store.query(name);
  if (query.view === "candles") { page.query = query; settings.write("query", name); } else page.table = query;
  drawChoices();
  subscribe(true);
  loadShown();
  schedule();
}

function chooseSymbol(symbol) {
  if (page.view === "compare") {
    page.compared = page.compared.includes(symbol) ? page.compared.filter((s) => s !== symbol) : [...page.compared, symbol].slice(-20);
    store.barsOf(page.query, symbol).mustRebuild = true;
  } else {
    page.symbol = symbol;
    settings.write("symbol", symbol);
  }
  subscribe(true);
  loadShown();
  schedule();
}

function sortedSymbols() {
  const part = $("search").value.trim().toLowerCase();
  return [...store.quotes.keys()].filter((symbol) => symbol !== null && String(symbol).toLowerCase().includes(part)).sort();
}

function viewOf(name) {
  if (!page.views[name]) {
    const host = make("div");
    host.id = "chart-" + name;
    host.setAttribute("role", "img");
    $("charts").append(host);
    page.views[name] = name === "compare" ? new CompareView(host) : new CandleView(host, name === "flow");
  }
  for (const [other, view] of Object.entries(page.views)) view.host.hidden = other !== name;
  return page.views[name];
}

let scheduled = false;
function schedule() {
  if (scheduled) return;
  scheduled = true;
  requestAnimationFrame(() => { scheduled = false; draw(); });
}

/** Everything, once for a frame of the screen. */
function draw() {
  connection.apply();
  const symbols = sortedSymbols();
  if (page.symbol === null && symbols.length && page.query) {
    const kept = settings.read("symbol", "");
    chooseSymbol(symbols.includes(kept) ? kept : symbols[0]);
    if (page.view === "compare" && page.compared.length === 0) chooseView("compare");
  }
  const isChart = page.view === "candles" || page.view === "flow";
  page.bars = page.query && page.symbol !== null ? store.barsOf(page.query, page.symbol) : null;
  $("charts").hidden = page.view === "kpis" || (page.view === "compare" && page.mode === "share");
  $("tableView").hidden = !$("charts").hidden;
  $("recent").hidden = !isChart;
  if (page.bars && store.status?.wm) page.bars.dropOverdue(store.status.wm);
  if (isChart) {
    page.chart = viewOf(page.view);
    if (page.bars) page.chart.draw(page.bars);
    page.chart.host.setAttribute("aria-label", viewNames[page.view] + " of " + shown(page.symbol) + "; the last 20 stand in the table below");
  } else if (page.view === "compare") {
    page.chart = null;
    if (page.mode === "share") drawShares();
    else {
      viewOf("compare").draw(page.query, page.compared);
      page.views.compare.host.setAttribute("aria-label", "Lines of " + page.compared.map(shown).join(", "));
    }
  } else if (page.table) drawTable(store.rowsOf(page.table));
  for (const list of page.lists) if (list.host.offsetParent !== null) list.draw(symbols);
  drawLegend();
  drawRecent(page.bars);
  drawStatus();
  drawReplay();
  drawEmpty();
  showConnection();
}

/** Why there is nothing yet, by the doctor. */
async function drawEmpty() {
  const isEmpty = page.view === "kpis" ? page.table === null || store.rowsOf(page.table).byKey.size === 0 : store.quotes.size === 0;
  $("empty").hidden = !isEmpty;
  if (!isEmpty || drawEmpty.isAsking) return;
  drawEmpty.isAsking = true;
  try { $("empty").textContent = (await (await fetch("/api/doctor")).json()).sentence; } catch { /* the strip says it */ }
  setTimeout(() => { drawEmpty.isAsking = false; }, 2000);
}

async function showDoctor() {
  $("doctorSentence").textContent = "…";
  $("doctorFindings").replaceChildren();
  $("doctor").showModal();
  try {
    const found = await (await fetch("/api/doctor")).json();
    $("doctorSentence").textContent = found.sentence;
    $("doctorFindings").replaceChildren(...found.findings.map((text) => make("li", "", shown(text))));
  } catch { $("doctorSentence").textContent = "The engine does not answer."; }
}

function applyTheme() {
  const root = document.documentElement;
  const chosen = settings.read("theme", "");
  root.dataset.theme = chosen || (matchMedia("(prefers-color-scheme: light)").matches ? "light" : "dark");
  root.dataset.colours = settings.read("colours", "blue");
  readPalette();
  for (const view of Object.values(page.views)) view.restyle();
  for (const bars of store.bars.values()) bars.mustRebuild = true;
  schedule();
}

function nextZone() {
  const zones = ["UTC", Intl.DateTimeFormat().resolvedOptions().timeZone, "America/New_York"].filter((z, i, all) => all.indexOf(z) === i);
  changeZone(zones[(zones.indexOf(zone.name) + 1) % zones.length]);
}
function changeZone(name) {
  if (!zone.choose(name)) { $("zone").setCustomValidity("no such time zone"); return; }
  $("zone").setCustomValidity("");
  $("zone").value = name;
  for (const view of Object.values(page.views)) view.restyle();
  schedule();
}

function moveSymbol(step) {
  const symbols = sortedSymbols();
  const at = symbols.indexOf(page.symbol);
  if (symbols.length && page.view !== "compare") chooseSymbol(symbols[Math.max(0, Math.min(symbols.length - 1, at + step))]);
}
function moveChart(step) {
  const scale = page.views[page.view]?.chart.timeScale();
  if (scale) scale.scrollToPosition(scale.scrollPosition() + step, false);
}
function zoom(factor) {
  const scale = page.views[page.view]?.chart.timeScale();
  if (scale) scale.applyOptions({ barSpacing: Math.max(1, Math.min(60, scale.options().barSpacing * factor)) });
}

const keys = {
  "/": () => $("search").focus(), ArrowUp: () => moveSymbol(-1), ArrowDown: () => moveSymbol(1),
  ArrowLeft: () => moveChart(-10), ArrowRight: () => moveChart(10), "+": () => zoom(1.25), "=": () => zoom(1.25), "-": () => zoom(0.8), "−": () => zoom(0.8),
  End: () => page.views[page.view]?.chart.timeScale().scrollToRealTime(),
  c: () => chooseView("candles"), o: () => chooseView("flow"), m: () => chooseView("compare"), k: () => chooseView("kpis"),
  t: nextZone, " ": toggleReplay, "?": () => $("settings").showModal(),
};

function begin() {
  if (typeof LightweightCharts === "undefined") { $("empty").hidden = false; $("empty").textContent = "The chart library did not load."; return; }
  zone.choose(settings.read("zone", "UTC"));
  $("zone").value = zone.name;
  const zones = ["UTC", "America/New_York", "Europe/London", "Europe/Berlin", "Asia/Kolkata", "Asia/Tokyo", Intl.DateTimeFormat().resolvedOptions().timeZone];
  $("zones").replaceChildren(...[...new Set(zones)].map((name) => { const option = make("option"); option.value = name; return option; }));
  $("theme").value = settings.read("theme", "");
  $("colours").value = settings.read("colours", "blue");
  applyTheme();
  page.lists = [new SymbolList($("symbolList"), chooseSymbol), new SymbolList($("sheetList"), (symbol) => { chooseSymbol(symbol); if (page.view !== "compare") $("sheet").close(); })];
  $("since").textContent = "since " + zone.minute(store.opened);
  $("since").title = "change since this page was opened";
  $("zone").addEventListener("change", () => changeZone($("zone").value));
  for (const name of ["theme", "colours"]) $(name).addEventListener("change", () => { settings.write(name, $(name).value); applyTheme(); });
  $("openSettings").addEventListener("click", () => $("settings").showModal());
  $("openSymbols").addEventListener("click", () => { $("sheet").showModal(); schedule(); });
  $("why").addEventListener("click", showDoctor);
  $("play").addEventListener("click", toggleReplay);
  $("jumpTo").addEventListener("click", jumpReplay);
  $("anew").addEventListener("click", () => askReplay({ restart: true }));
  $("recent").addEventListener("toggle", schedule);
  $("search").addEventListener("input", schedule);
  $("search").addEventListener("keydown", (event) => {
    if (event.key === "Enter" && sortedSymbols().length) { chooseSymbol(sortedSymbols()[0]); $("search").value = ""; $("search").blur(); schedule(); }
    if (event.key === "Escape") { $("search").value = ""; $("search").blur(); schedule(); }
  });
  for (const button of document.querySelectorAll("[data-close]")) button.addEventListener("click", () => button.closest("dialog").close());
  document.addEventListener("keydown", (event) => {
    // The space bar presses the button that has the focus.
    if (event.key === " " && event.target.closest("button, summary, a")) return;
    if (event.target.closest("input, select, dialog") || event.ctrlKey || event.metaKey || event.altKey) return;
    const action = /^[1-9]$/.test(event.key) ? () => { const button = $("intervals").children[Number(event.key) - 1]; button?.click(); } : keys[event.key];
    if (!action) return;
    event.preventDefault();
    action();
  });
  matchMedia("(prefers-color-scheme: light)").addEventListener("change", applyTheme);
  setInterval(() => { if (!document.hidden) showConnection(); }, 500);
  document.addEventListener("visibilitychange", schedule);
  if (new URLSearchParams(location.search).get("test") === "1") window.__streamer = { store, page, connection, zone };
  connection.open();
}
begin();
