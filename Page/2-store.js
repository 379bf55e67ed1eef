// What the page knows: bars of each query and symbol, rows of each table.
//
// The life of a bar is open → final. What is shown again of a final window is dropped; a final is
// applied once, and the same batch run again brings the same values. After a restart of the engine
// open bars are unconfirmed until they come again.

const barsMax = 20000;

/** The columns of a query that a bar is drawn from. */
function roles(query) {
  const at = (...names) => query.cols.findIndex((c) => names.includes(c.toLowerCase()));
  return {
    symbol: query.symbol, time: query.time, open: at("open"), high: at("high"), low: at("low"),
    close: at("close"), volume: at("volume"), buy: at("buy_volume", "buyvolume"),
    sell: at("sell_volume", "sellvolume"), delta: at("delta"), vwap: at("vwap"),
  };
}

/** The bars of one symbol: by their times, which no two share, in order. */
class Bars {
  constructor(query) {
    this.query = query;
    this.role = roles(query);
    this.byTime = new Map();
    this.times = [];
    this.next = null;         // the cursor of the page to the left; null when there is none
    this.isLoaded = false;
    this.changed = new Set(); // times whose bars changed since they were drawn
    this.mustRebuild = true;
    this.digits = 2;
  }

  make(row, isFinal, batch) {
    const value = (role) => (this.role[role] >= 0 ? number(row[this.role[role]]) : NaN);
    const bar = {
      time: row[this.role.time], row, final: isFinal, batch, unconfirmed: false,
      open: value("open"), high: value("high"), low: value("low"), close: value("close"),
      volume: value("volume"), buy: value("buy"), sell: value("sell"), vwap: value("vwap"),
      delta: value("delta"),
    };
    if (Number.isNaN(bar.sell) && !Number.isNaN(bar.buy)) bar.sell = bar.volume - bar.buy;
    if (Number.isNaN(bar.delta)) bar.delta = bar.buy - bar.sell;
    if (this.digits < 8) this.digits = Math.max(this.digits, Math.min(digitsOf(bar.close), 8));
    bar.drawable = [bar.open, bar.high, bar.low, bar.close].every((v) => Number.isFinite(v) && Math.abs(v) < 9e13);
    return bar;
  }

  /** Takes a row in; whether something changed. */
  take(row, isFinal, batch) {
    const time = row[this.role.time];
    if (typeof time !== "number") return false;
    const old = this.byTime.get(time);
    if (old && old.final && this.query.mode === "append") return false;
    if (old && old.batch > batch) return false;
    this.byTime.set(time, this.make(row, isFinal, batch));
    if (!old) this.insert(time);
    this.changed.add(time);
    return true;
  }

  insert(time) {
    const last = this.times[this.times.length - 1];
    if (last === undefined || time > last) {
      this.times.push(time);
      if (this.times.length > barsMax + 500) this.drop(this.times.splice(0, 500));
      return;
    }
    let low = 0, high = this.times.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.times[middle] < time) low = middle + 1; else high = middle;
    }
    this.times.splice(low, 0, time);
    this.mustRebuild = true;
  }

  drop(times) {
    for (const time of times) this.byTime.delete(time);
    this.next = this.times[0] ?? null;
    this.mustRebuild = true;
  }

  /** A page of history, older than everything or beside it. */
  takePage(page, isOlder) {
    for (const row of page.rows) this.take(row, true, this.byTime.get(row[this.role.time])?.batch ?? -1);
    if (isOlder || !this.isLoaded) this.next = page.next;
    if (this.times.length > barsMax) this.drop(this.times.splice(barsMax));
    this.isLoaded = true;
    this.mustRebuild = true;
  }

  /** Open windows that the watermark has passed, whose final never came: a filter left them out. */
  dropOverdue(watermark) {
    const late = this.query.interval_ms === null ? [] : this.times.filter((time) =>
      !this.byTime.get(time).final && !this.byTime.get(time).unconfirmed &&
      time + this.query.interval_ms + 2000 <= watermark);
    if (late.length === 0 || this.query.mode !== "append") return;
    for (const time of late) this.byTime.delete(time);
    this.times = this.times.filter((time) => this.byTime.has(time));
    this.mustRebuild = true;
  }

  last() { return this.byTime.get(this.times[this.times.length - 1]); }
  /** The bar before a time. */
  before(time) {
    for (let i = this.times.length - 1; i >= 0; i--) {
      if (this.times[i] < time && this.byTime.get(this.times[i]).drawable) return this.byTime.get(this.times[i]);
    }
    return undefined;
  }
}

/** The rows of a query by their keys. */
class Rows {
  constructor(query) {
    this.query = query;
    this.byKey = new Map();
    this.changedCells = new Set();
    this.isLoaded = false;
    this.mustDraw = true;
  }

  key(row) {
    const columns = [...this.query.keys, this.query.time].filter((c) => c !== null);
    return JSON.stringify(columns.length ? columns.map((c) => row[c]) : row);
  }

  take(row, batch) {
    const key = this.key(row);
    const old = this.byKey.get(key);
    if (old && old.batch > batch) return;
    if (old) row.forEach((value, c) => { if (value !== old.row[c]) this.changedCells.add(key + "\n" + c); });
    this.byKey.set(key, { row, batch });
    this.mustDraw = true;
  }

  takeWhole(rows, batch) {
    const kept = new Set(rows.map((row) => this.key(row)));
    for (const key of this.byKey.keys()) if (!kept.has(key)) this.byKey.delete(key);
    rows.forEach((row) => this.take(row, batch));
    this.mustDraw = true;
  }
}

const store = {
  run: null, job: "", engine: true, queries: [], bars: new Map(), tables: new Map(),
  quotes: new Map(), // symbol → { first, last, previous }
  status: null, replay: null, opened: Date.now(),

  query(name) { return this.queries.find((query) => query.q === name); },
  candles() { return this.queries.filter((query) => query.view === "candles"); },

  barsOf(query, symbol) {
    const key = query.q + "\n" + symbol;
    if (!this.bars.has(key)) this.bars.set(key, new Bars(query));
    return this.bars.get(key);
  },

  rowsOf(query) {
    if (!this.tables.has(query.q)) this.tables.set(query.q, new Rows(query));
    return this.tables.get(query.q);
  },

  hello(message) {
    const isNew = this.run !== message.run;
    const changed = JSON.stringify(this.queries) !== JSON.stringify(message.queries);
    this.job = message.job;
    this.engine = message.engine;
    // A replay that began anew has what was seen before it.
    this.replay = message.replay;
    const isOver = changed || (isNew && this.run !== null && this.replay);
    if (isOver) { this.bars.clear(); this.tables.clear(); this.quotes.clear(); }
    this.queries = message.queries;
    if (isNew && this.run !== null) {
      for (const bars of this.bars.values()) {
        bars.isLoaded = false;
        for (const bar of bars.byTime.values()) if (!bar.final) { bar.unconfirmed = true; bars.mustRebuild = true; }
      }
      for (const rows of this.tables.values()) rows.isLoaded = false;
    }
    // Batches of another run may begin lower again.
    if (isNew) for (const bars of this.bars.values()) for (const bar of bars.byTime.values()) bar.batch = -1;
    if (isNew) for (const rows of this.tables.values()) for (const row of rows.byKey.values()) row.batch = -1;
    this.run = message.run;
    return isOver;
  },

  /** Takes rows in, those of the symbols that are drawn as bars; all are quotes. */
  take(message) {
    const query = this.query(message.q);
    if (!query) return;
    if (query.view !== "candles") {
      const rows = this.rowsOf(query);
      if (message.whole) rows.takeWhole(message.r, message.b); else message.r.forEach((row) => rows.take(row, message.b));
      return;
    }
    const role = roles(query);
    for (const row of message.r) {
      const symbol = query.symbol === null ? "" : row[query.symbol];
      const known = this.bars.get(query.q + "\n" + symbol);
      if (known) {
        const isNewFinal = known.take(row, message.f === 1, message.b) && message.f === 1;
        if (isNewFinal) announceFinal(symbol, known.byTime.get(row[role.time]));
      }
      this.quote(symbol, number(row[role.close]), row[role.time]);
    }
  },

  quote(symbol, close, time) {
    if (!Number.isFinite(close)) return;
    const old = this.quotes.get(symbol);
    if (old && time < old.time) return;
    this.quotes.set(symbol, { first: old?.first ?? close, last: close, time, turn: old ? Math.sign(close - old.last) || old.turn : 0 });
  },
};
