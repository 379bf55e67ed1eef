// Text beside the charts: legend, symbols, tables, the strip at the foot.

function part(key, value, className) {
  const element = make("span", "value" + (className ? " " + className : ""));
  if (key) element.append(make("span", "key", key));
  element.append(value instanceof Node ? value : document.createTextNode(value));
  return element;
}

/** The bar that the crosshair is on, else the newest. */
function drawLegend() {
  const legend = $("legend");
  if (page.view === "compare") return drawCompareLegend(legend);
  const bars = page.bars;
  legend.hidden = page.view === "kpis";
  if (!bars || legend.hidden) { legend.replaceChildren(); return; }
  const hovered = page.chart?.hovered;
  const bar = (hovered && (bars.byTime.get(hovered) ?? [...bars.byTime.values()].find((b) => Math.floor(b.time / 1000) * 1000 === hovered))) || bars.last();
  const parts = [make("span", "name", page.symbol === "" ? store.job : shown(page.symbol))];
  if (bar) {
    const price = (v) => (Number.isFinite(v) ? v.toFixed(bars.digits) : "–");
    const before = bars.before(bar.time);
    const change = before ? (100 * (bar.close - before.close)) / before.close : NaN;
    const tone = bar.close >= bar.open ? "up" : "down";
    parts.push(make("span", "price " + tone, price(bar.close)));
    parts.push(part("", percent(change), change >= 0 ? "up" : "down"));
    const end = bars.query.interval_ms === null ? null : bar.time + bars.query.interval_ms;
    const state = bar.final ? "final" : bar.unconfirmed ? "open, not confirmed since the restart" : end ? "open, closes at " + zone.clock(end) : "open";
    parts.push(make("span", "tag" + (bar.final ? " final" : ""), state));
    if (bars.query.interval_ms !== null && bars.query.interval_ms < 1000) parts.push(part("", "the last window of each second is drawn", "muted"));
    parts.push(make("span", "break"), part("", zone.full(bar.time), "muted"));
    for (const [key, value] of [["O", bar.open], ["H", bar.high], ["L", bar.low], ["C", bar.close]]) parts.push(part(key, price(value), tone));
    parts.push(part("V", whole(bar.volume)));
    if (Number.isFinite(bar.vwap)) parts.push(part("VWAP", price(bar.vwap), "wide"));
    if (Number.isFinite(bar.delta)) {
      parts.push(part("Δ", signed(bar.delta, whole(Math.abs(bar.delta))), bar.delta >= 0 ? "up" : "down"));
      const share = bar.buy + bar.sell > 0 ? (100 * bar.buy) / (bar.buy + bar.sell) : NaN;
      const meter = make("span", "meter");
      const filled = make("span");
      filled.style.width = Number.isFinite(share) ? share + "%" : "50%";
      meter.append(filled);
      const text = part("buy", Number.isFinite(share) ? share.toFixed(0) + " %" : "–");
      text.append(meter);
      parts.push(text);
    }
  }
  legend.replaceChildren(...parts);
}

function drawCompareLegend(legend) {
  const parts = page.compared.map((symbol, index) => {
    const bars = store.barsOf(page.query, symbol);
    const last = bars.last(), first = bars.byTime.get(bars.times[0]);
    const change = last && first ? (100 * (last.close - first.close)) / first.close : NaN;
    const swatch = make("span", "swatch");
    swatch.style.background = lineColours[index];
    const text = part("", swatch);
    text.append(make("strong", "", shown(symbol)), " " + percent(change));
    return text;
  });
  const words = { close: "closing prices", percent: "change since the first bar in view", rebased: "first bar in view = 100", share: "share of all volume in the bars that are loaded" };
  parts.push(part("", words[page.mode], "muted"));
  legend.replaceChildren(...parts);
}

/** A list that makes only what is in view. */
class SymbolList {
  constructor(host, choose) {
    this.host = host;
    this.choose = choose;
    this.rows = new Map();
    this.symbols = [];
    this.box = make("div", "list");
    this.space = make("div", "space");
    this.box.append(this.space);
    host.append(this.box);
    this.box.addEventListener("scroll", () => this.draw(), { passive: true });
  }
  draw(symbols = this.symbols) {
    this.symbols = symbols;
    const height = 42;
    this.space.style.height = symbols.length * height + "px";
    const first = Math.max(0, Math.floor(this.box.scrollTop / height) - 4);
    const shownNow = symbols.slice(first, first + Math.ceil((this.box.clientHeight || 400) / height) + 8);
    for (const [symbol, row] of this.rows) if (!shownNow.includes(symbol)) { row.element.remove(); this.rows.delete(symbol); }
    shownNow.forEach((symbol, index) => this.drawRow(symbol, (first + index) * height));
    // In the order in which they stand, so that Tab goes through them so.
    shownNow.forEach((symbol, index) => {
      const element = this.rows.get(symbol).element;
      if (this.space.children[index] !== element) this.space.insertBefore(element, this.space.children[index] ?? null);
    });
  }
  drawRow(symbol, top) {
    let row = this.rows.get(symbol);
    if (!row) {
      const element = make("button");
      element.type = "button";
      const number = make("span", "num");
      row = { element, price: document.createTextNode(""), change: make("small"), text: "" };
      element.append(make("span", "sym", symbol === "" ? "(all)" : shown(symbol)), number);
      number.append(row.price, row.change);
      element.addEventListener("click", () => this.choose(symbol));
      this.rows.set(symbol, row);
    }
    row.element.style.top = top + "px";
    const isChosen = page.view === "compare" ? page.compared.includes(symbol) : symbol === page.symbol;
    row.element.setAttribute("aria-pressed", String(isChosen));
    const quote = store.quotes.get(symbol);
    if (!quote) return;
    const change = (100 * (quote.last - quote.first)) / quote.first;
    const text = quote.last.toFixed(page.bars?.digits ?? 2) + " " + percent(change);
    if (text === row.text) return;
    row.text = text;
    row.price.data = quote.last.toFixed(page.bars?.digits ?? 2);
    row.change.textContent = percent(change);
    row.change.className = change >= 0 ? "up" : "down";
  }
}

function cellText(value, type) {
  if (value === null) return "–";
  if (type === "timestamp") return zone.full(value);
  if (typeof value === "number") return Number.isInteger(value) ? whole(value) : Math.abs(value) >= 1e15 ? value.toExponential(6) : String(Number(value.toPrecision(10)));
  return typeof value === "boolean" ? (value ? "yes" : "no") : shown(value);
}

/** A query's rows as a table that sorts by the column that is chosen. */
function drawTable(rows) {
  const host = $("tableView");
  const { query } = rows;
  const sort = page.sort.get(query.q) ?? { column: query.keys[0] ?? 0, down: false };
  if (host.dataset.query !== query.q || !host.firstChild) {
    host.dataset.query = query.q;
    host.tabIndex = 0;
    const table = make("table"), head = make("tr");
    table.append(make("caption", "hidden", "Rows of " + query.q));
    query.cols.forEach((name, column) => {
      const cell = make("th"), button = make("button", "", shown(name));
      cell.scope = "col";
      button.type = "button";
      button.addEventListener("click", () => {
        const old = page.sort.get(query.q);
        page.sort.set(query.q, { column, down: old?.column === column ? !old.down : false });
        rows.mustDraw = true;
        schedule();
      });
      cell.append(button);
      head.append(cell);
    });
    const top = make("thead");
    top.append(head);
    table.append(top, make("tbody"));
    host.replaceChildren(table);
    rows.mustDraw = true;
  }
  if (!rows.mustDraw) return;
  rows.mustDraw = false;
  [...host.querySelectorAll("th")].forEach((cell, column) => cell.setAttribute("aria-sort", column === sort.column ? (sort.down ? "descending" : "ascending") : "none"));
  const list = [...rows.byKey].sort(([, a], [, b]) => {
    const [x, y] = [a.row[sort.column], b.row[sort.column]];
    const [m, n] = [number(x), number(y)];
    const order = Number.isNaN(m) || Number.isNaN(n) ? String(x).localeCompare(String(y)) : m - n;
    return sort.down ? -order : order;
  }).slice(0, 500);
  const body = host.querySelector("tbody");
  while (body.children.length > list.length) body.lastChild.remove();
  list.forEach(([key, { row }], index) => {
    const line = body.children[index] ?? body.appendChild(make("tr"));
    row.forEach((value, column) => {
      const cell = line.children[column] ?? line.appendChild(make("td"));
      const text = cellText(value, query.types[column]);
      if (cell.textContent !== text) cell.textContent = text;
      if (rows.changedCells.has(key + "\n" + column)) {
        cell.classList.remove("changed");
        void cell.offsetWidth;
        cell.classList.add("changed");
      }
    });
  });
  rows.changedCells.clear();
}

function simpleTable(heads, lines, caption) {
  const table = make("table"), top = make("thead"), head = make("tr"), body = make("tbody");
  table.append(make("caption", "hidden", caption), top, body);
  top.append(head);
  for (const name of heads) { const cell = make("th", "", name); cell.scope = "col"; head.append(cell); }
  for (const line of lines) {
    const row = body.appendChild(make("tr"));
    for (const cell of line) { const place = row.appendChild(make("td")); place.append(cell); }
  }
  return table;
}

function drawRecent(bars) {
  if (!$("recent").open || !bars) return;
  const lines = bars.times.slice(-20).reverse().map((time) => {
    const bar = bars.byTime.get(time);
    const price = (v) => (Number.isFinite(v) ? v.toFixed(bars.digits) : "–");
    return [zone.full(time), price(bar.open), price(bar.high), price(bar.low), price(bar.close), whole(bar.volume), bar.final ? "final" : "open"];
  });
  $("recentTable").replaceChildren(simpleTable(["Time", "Open", "High", "Low", "Close", "Volume", "State"], lines, "Last 20 candles"));
}

/** How the volume of the bars that are loaded is shared out. */
function drawShares() {
  const sums = page.compared.map((symbol) => [symbol, [...store.barsOf(page.query, symbol).byTime.values()].reduce((sum, bar) => sum + (Number.isFinite(bar.volume) ? bar.volume : 0), 0)]);
  const all = sums.reduce((sum, [, volume]) => sum + volume, 0);
  const lines = sums.sort((a, b) => b[1] - a[1]).map(([symbol, volume]) => {
    const bar = make("span", "shareBar");
    bar.style.width = (all > 0 ? (260 * volume) / all : 0) + "px";
    bar.style.background = lineColours[page.compared.indexOf(symbol)];
    return [shown(symbol), whole(volume), all > 0 ? ((100 * volume) / all).toFixed(1) + " %" : "–", bar];
  });
  const host = $("tableView");
  host.dataset.query = "";
  host.tabIndex = 0;
  host.replaceChildren(simpleTable(["Symbol", "Volume", "Share", ""], lines, "Share of the volume"));
}

function drawStatus() {
  const status = store.status;
  if (!status) return;
  const parts = [["watermark", status.wm ? zone.clock(status.wm) + (status.max ? " (" + span(status.max - status.wm) + " behind)" : "") : "none yet"]];
  parts.push(["read", whole(status.rows_s) + " rows/s"], ["lag", whole(status.lag)], ["late", whole(status.late)]);
  if (status.rejected) parts.push(["set aside", whole(status.rejected)]);
  if (status.malformed) parts.push(["malformed", whole(status.malformed)]);
  parts.push(["open", whole(status.open)], ["batch", status.batch === null ? "–" : whole(status.batch) + ", " + status.batch_ms + " ms"]);
  const host = $("status");
  parts.forEach(([key, value], index) => {
    let line = host.children[index];
    if (!line) { line = make("div"); line.append(make("dt"), make("dd")); host.append(line); }
    if (line.firstChild.textContent !== key) line.firstChild.textContent = key;
    if (line.lastChild.textContent !== value) line.lastChild.textContent = value;
  });
  while (host.children.length > parts.length) host.lastChild.remove();
}

/** Whether what is shown is of now: never a silent, stale page. */
function showConnection() {
  const age = Date.now() - connection.heard;
  const isOpen = connection.socket?.readyState === WebSocket.OPEN;
  let [state, text] = ["", "connecting"];
  if (isOpen && connection.heard) [state, text] = age > 3000 ? ["old", "no news for " + span(age)] : ["live", "live " + zone.clock(Date.now())];
  if (isOpen && !store.engine && age <= 3000) [state, text] = ["old", "no engine runs"];
  if (!isOpen && connection.tries > 0) {
    const left = Math.max(0, connection.retryAt - Date.now());
    const why = connection.ended ? "engine " + connection.ended : "disconnected";
    [state, text] = ["gone", why + ", retrying in " + Math.ceil(left / 1000) + " s" + (connection.heard ? " · data of " + span(age) + " ago" : "")];
  }
  $("connection").className = "connection " + state;
  if ($("connectionText").textContent !== text) $("connectionText").textContent = text;
}

let announcedAt = 0;
/** One sentence at a final, for those who listen; not each, where windows are short. */
function announceFinal(symbol, bar) {
  if (symbol !== page.symbol || Date.now() - announcedAt < 15000) return;
  announcedAt = Date.now();
  $("announce").textContent = shown(symbol) + " " + zone.clock(bar.time) + " closed at " + bar.close + ", volume " + whole(bar.volume);
}
