// The connection: a WebSocket that comes back by itself, and history that is loaded until it is there.

const connection = {
  socket: null, tries: 0, heard: 0, seen: 0, retryAt: 0, waiting: [], ended: "",

  open() {
    const url = new URL("/live", location.href);
    url.protocol = location.protocol === "https:" ? "wss:" : "ws:";
    const socket = new WebSocket(url);
    this.socket = socket;
    socket.onmessage = (event) => {
      this.heard = Date.now();
      this.waiting.push(event.data);
      schedule();
    };
    socket.onclose = () => { if (this.socket === socket) this.lost(); };
  },

  lost() {
    this.socket = null;
    this.tries += 1;
    const pause = Math.min(10000, 500 * 2 ** Math.min(this.tries - 1, 5)) * (0.75 + Math.random() / 2);
    this.retryAt = Date.now() + Math.min(pause, 10000);
    setTimeout(() => this.open(), Math.min(pause, 10000));
    showConnection();
  },

  send(message) {
    if (this.socket?.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify(message));
  },

  /** Takes what came since the last frame; once for each painted frame. */
  apply() {
    const texts = this.waiting;
    this.waiting = [];
    let newest = 0;
    for (const text of texts) {
      for (const line of text.split("\n")) {
        if (line === "") continue;
        const message = JSON.parse(line);
        if (message.seq > newest && message.t === "rows") newest = message.seq;
        this.handle(message);
      }
    }
    if (newest > 0) { this.seen = Math.max(this.seen, newest); this.send({ a: newest }); }
  },

  handle(message) {
    switch (message.t) {
      case "hello": {
        const isSame = store.run === message.run;
        const changed = store.hello(message);
        this.tries = 0;
        this.ended = "";
        if (!isSame) this.seen = 0;
        ready(changed);
        break;
      }
      case "rows": store.take(message); break;
      case "status":
        store.status = message;
        if (message.replay) store.replay = message.replay;
        break;
      case "reset":
        for (const bars of store.bars.values()) bars.isLoaded = false;
        for (const rows of store.tables.values()) rows.isLoaded = false;
        subscribe(true);
        loadShown();
        break;
      case "end": this.ended = message.reason; break;
      case "notice": $(store.replay ? "replayNote" : "announce").textContent = message.text; break;
    }
  },
};

/** What the server is to send: the bars that are drawn at once, quotes of all symbols now and then. */
function subscribe(isNew) {
  const since = !isNew && connection.seen > 0 ? store.run + "." + connection.seen : undefined;
  const wanted = [];
  const query = page.query;
  if (query) {
    const symbols = page.view === "compare" ? page.compared : [page.symbol];
    if (page.symbol !== null) wanted.push({ q: query.q, symbols: query.symbol === null ? undefined : symbols, since });
    wanted.push({ q: query.q, ms: 250 });
  }
  if (page.view === "kpis" && page.table) wanted.push({ q: page.table.q, ms: 100, since });
  connection.send({ sub: wanted });
}

/** A page of history; tried again, since an engine that restarts refuses for a moment. */
async function loadPage(query, symbol, before) {
  const url = new URL("/api/queries/" + encodeURIComponent(query.q), location.href);
  if (query.symbol !== null && symbol !== null && query.view === "candles") url.searchParams.set("symbol", symbol);
  if (before !== undefined) url.searchParams.set("before", String(before));
  for (let tries = 0; ; tries++) {
    try {
      const answer = await fetch(url);
      if (answer.ok) return await answer.json();
      if (answer.status < 500) return { rows: [], next: null };
    } catch { /* the server is away */ }
    await new Promise((resolve) => setTimeout(resolve, Math.min(5000, 300 * 2 ** Math.min(tries, 4))));
  }
}

const loading = new Set();
/** Loads what is drawn and not yet there. */
async function loadShown() {
  const query = page.query;
  const symbols = page.view === "compare" ? page.compared : [page.symbol];
  for (const symbol of query && page.view !== "kpis" ? symbols : []) {
    if (symbol === null) continue;
    const bars = store.barsOf(query, symbol);
    const key = query.q + "\n" + symbol;
    if (bars.isLoaded || loading.has(key)) continue;
    loading.add(key);
    loadPage(query, symbol).then((found) => {
      loading.delete(key);
      bars.takePage(found, false);
      const last = bars.last();
      if (last) store.quote(symbol, last.close, last.time);
      schedule();
    });
  }
  if (page.view === "kpis" && page.table) {
    const rows = store.rowsOf(page.table);
    if (rows.isLoaded) return;
    rows.isLoaded = true;
    const found = await loadPage(page.table, null);
    found.rows.forEach((row) => { if (!rows.byKey.has(rows.key(row))) rows.take(row, -1); });
    schedule();
  }
}

/** The page to the left of what is drawn. */
async function loadOlder(bars, symbol) {
  const key = bars.query.q + "\n" + symbol + "\n<";
  if (bars.next === null || !bars.isLoaded || loading.has(key) || bars.times.length >= barsMax) return;
  loading.add(key);
  const found = await loadPage(bars.query, symbol, bars.next);
  loading.delete(key);
  bars.takePage(found, true);
  schedule();
}
