// The charts: one for each view, for ever; symbols and intervals change what is in it.

function colour(name) { return getComputedStyle(document.documentElement).getPropertyValue(name).trim(); }
let palette = {};
function readPalette() {
  palette = Object.fromEntries(["ground", "text", "muted", "line", "up", "down", "accent"].map((name) => [name, colour("--" + name)]));
}
/** A colour of the palette, seen through. */
function faint(hex, share) { return hex + Math.round(share * 255).toString(16).padStart(2, "0"); }

const lineColours = ["#3aa1ff", "#ff9b3d", "#2fc6a5", "#d684ff", "#f0c34e", "#ff6f91", "#8fb0ff", "#9bd24a", "#ff8f6b", "#5fd0e6",
  "#c9a0dc", "#e0d05a", "#7ad6a0", "#f5a3b7", "#a3b7f5", "#cfa97b", "#6fa8a0", "#b58fd9", "#d9778f", "#94a84f"];

/** Hatches the candles that may still change, and draws where the watermark is. */
class OpenMarks {
  constructor(view) {
    this.view = view;
    this.renderer = { draw: (target) => target.useBitmapCoordinateSpace((space) => this.draw(space)) };
    const pane = { zOrder: () => "top", renderer: () => this.renderer };
    this.views = [pane];
  }
  attached({ chart, series, requestUpdate }) { this.chart = chart; this.series = series; this.request = requestUpdate; }
  paneViews() { return this.views; }
  updateAllViews() {}

  draw({ context, horizontalPixelRatio: h, verticalPixelRatio: v, bitmapSize }) {
    const bars = this.view.bars;
    if (!bars) return;
    const scale = this.chart.timeScale();
    const width = Math.max(3, scale.options().barSpacing * 0.8) * h;
    for (let i = bars.times.length - 1; i >= 0 && i > bars.times.length - 200; i--) {
      const bar = bars.byTime.get(bars.times[i]);
      if (bar.final || !bar.drawable) continue;
      const x = scale.timeToCoordinate(this.view.second(bar.time));
      const [top, bottom] = [Math.max(bar.open, bar.close), Math.min(bar.open, bar.close)].map((p) => this.series.priceToCoordinate(p));
      if (x === null || top === null || bottom === null) continue;
      const box = { x: x * h - width / 2, y: top * v, width, height: Math.max(2 * v, (bottom - top) * v) };
      context.save();
      context.beginPath();
      context.rect(box.x, box.y, box.width, box.height);
      context.clip();
      context.strokeStyle = palette.ground;
      context.lineWidth = Math.max(1, 1.4 * h);
      for (let at = box.x - box.height; at < box.x + box.width; at += 4.5 * h) {
        context.beginPath();
        context.moveTo(at, box.y + box.height);
        context.lineTo(at + box.height, box.y);
        context.stroke();
      }
      context.restore();
    }
    this.drawWatermark(context, scale, h, bitmapSize);
  }

  drawWatermark(context, scale, h, size) {
    const watermark = store.status?.wm;
    const interval = this.view.bars.query.interval_ms;
    if (!watermark || !interval) return;
    // The first window that is not closed: the mark stands at its left.
    const time = Math.floor(watermark / interval) * interval;
    const x = scale.timeToCoordinate(this.view.second(time));
    if (x === null) return;
    const at = Math.round((x - scale.options().barSpacing / 2) * h) + 0.5;
    context.save();
    context.setLineDash([4 * h, 4 * h]);
    context.strokeStyle = faint(palette.muted, 0.75);
    context.lineWidth = Math.max(1, h);
    context.beginPath();
    context.moveTo(at, 0);
    context.lineTo(at, size.height);
    context.stroke();
    context.font = `${11 * h}px ui-sans-serif, sans-serif`;
    context.fillStyle = palette.muted;
    context.textAlign = "right";
    context.fillText("watermark", at - 5 * h, 14 * h);
    context.restore();
  }
}

function chartOptions() {
  return {
    autoSize: true,
    layout: {
      background: { type: "solid", color: palette.ground }, textColor: palette.muted, attributionLogo: false, fontSize: 12,
      fontFamily: "ui-sans-serif, system-ui, 'Segoe UI', 'DejaVu Sans', sans-serif",
      panes: { separatorColor: palette.line, separatorHoverColor: faint(palette.accent, 0.3) },
    },
    grid: { vertLines: { color: faint(palette.line, 0.55) }, horzLines: { color: faint(palette.line, 0.55) } },
    rightPriceScale: { borderColor: palette.line }, crosshair: { mode: 0, vertLine: { color: palette.muted, labelBackgroundColor: palette.muted }, horzLine: { color: palette.muted, labelBackgroundColor: palette.muted } },
    timeScale: {
      borderColor: palette.line, timeVisible: true, secondsVisible: true, rightOffset: innerWidth < 760 ? 3 : 8, barSpacing: innerWidth < 760 ? 7 : 10,
      tickMarkFormatter: (time, type) => { const ms = time * 1000; return type < 2 ? zone.date(ms) : type === 2 ? zone.day(ms) : type === 3 ? zone.minute(ms) : zone.clock(ms); },
    },
    localization: { timeFormatter: (time) => zone.full(time * 1000) },
  };
}

/** A chart of candles, volume and, for order flow, what was bought less what was sold. */
class CandleView {
  constructor(host, hasDelta) {
    this.host = host;
    this.hasDelta = hasDelta;
    this.bars = null;
    this.hovered = null;
    const { createChart, CandlestickSeries, HistogramSeries } = LightweightCharts;
    this.chart = createChart(host, chartOptions());
    this.candles = this.chart.addSeries(CandlestickSeries, {}, 0);
    this.volume = this.chart.addSeries(HistogramSeries, { priceFormat: { type: "custom", formatter: short, minMove: 0.01 }, lastValueVisible: innerWidth >= 760, priceLineVisible: false }, 1);
    if (hasDelta) this.delta = this.chart.addSeries(HistogramSeries, { priceFormat: { type: "custom", formatter: (v) => signed(v, short(Math.abs(v))), minMove: 0.01 }, lastValueVisible: innerWidth >= 760, priceLineVisible: false }, 2);
    const panes = this.chart.panes();
    panes[0].setStretchFactor(6);
    for (const pane of panes.slice(1)) pane.setStretchFactor(hasDelta ? 2 : 1.5);
    this.marks = new OpenMarks(this);
    this.candles.attachPrimitive(this.marks);
    this.restyle();
    this.chart.subscribeCrosshairMove((move) => {
      this.hovered = move.time === undefined || move.point === undefined ? null : move.time * 1000;
      drawLegend();
    });
    this.chart.timeScale().subscribeVisibleLogicalRangeChange((range) => {
      if (range && range.from < 60 && this.bars) loadOlder(this.bars, page.symbol);
    });
  }

  restyle() {
    this.chart.applyOptions(chartOptions());
    // Hollow up, filled down: the shape says it without the colour.
    this.candles.applyOptions({
      upColor: palette.ground, borderUpColor: palette.up, wickUpColor: palette.up,
      downColor: palette.down, borderDownColor: palette.down, wickDownColor: palette.down,
      priceLineColor: palette.accent,
    });
    if (this.bars) this.bars.mustRebuild = true;
  }

  /** Seconds, as the library counts; below a second the last bar of each is drawn. */
  second(ms) { return Math.floor(ms / 1000); }

  candle(bar) {
    const time = this.second(bar.time);
    if (!bar.drawable) return { time };
    const open = { open: bar.open, high: bar.high, low: bar.low, close: bar.close, time };
    if (!bar.final) {
      const tone = bar.close >= bar.open ? palette.up : palette.down;
      Object.assign(open, { color: faint(tone, 0.55), borderColor: tone, wickColor: tone });
    }
    return open;
  }
  rises(bar) { return Number.isFinite(bar.delta) ? bar.delta >= 0 : bar.close >= bar.open; }
  column(bar, value, rises) {
    const time = this.second(bar.time);
    if (!Number.isFinite(value)) return { time };
    return { time, value, color: faint(rises ? palette.up : palette.down, bar.final ? 0.75 : 0.4) };
  }

  /** Draws what changed; all of it where something came in between. */
  draw(bars) {
    const isOther = this.bars !== bars;
    if (isOther) { this.bars = bars; bars.mustRebuild = true; }
    if (bars.mustRebuild) this.rebuild(isOther);
    else this.update([...bars.changed].sort((a, b) => a - b));
    bars.changed.clear();
    this.marks.request?.();
  }

  update(times) {
    const { bars } = this;
    const newest = bars.times[bars.times.length - 1];
    for (const time of times) {
      const bar = bars.byTime.get(time);
      if (!bar) continue;
      if (bars.query.interval_ms !== null && bars.query.interval_ms < 1000 && this.second(time) < this.second(newest)) continue;
      const isOlder = this.second(time) < this.drawnTo;
      this.candles.update(this.candle(bar), isOlder);
      this.volume.update(this.column(bar, bar.volume, this.rises(bar)), isOlder);
      this.delta?.update(this.column(bar, bar.delta, bar.delta >= 0), isOlder);
      this.drawnTo = Math.max(this.drawnTo, this.second(time));
    }
  }

  rebuild(isOther) {
    const { bars } = this;
    const drawn = [];
    for (const time of bars.times) {
      const bar = bars.byTime.get(time);
      if (drawn.length && this.second(drawn[drawn.length - 1].time) === this.second(time)) drawn.pop();
      drawn.push(bar);
    }
    const digits = Math.min(bars.digits, 8);
    this.candles.applyOptions({ priceFormat: { type: "price", precision: digits, minMove: 10 ** -digits } });
    this.candles.setData(drawn.map((bar) => this.candle(bar)));
    this.volume.setData(drawn.map((bar) => this.column(bar, bar.volume, this.rises(bar))));
    this.delta?.setData(drawn.map((bar) => this.column(bar, bar.delta, bar.delta >= 0)));
    this.drawnTo = drawn.length ? this.second(drawn[drawn.length - 1].time) : -Infinity;
    bars.mustRebuild = false;
    if (isOther) this.chart.timeScale().scrollToRealTime();
  }
}

/** Symbols as lines: close, percent, or rebased to 100 at the first bar that is seen. */
class CompareView {
  constructor(host) {
    this.host = host;
    this.chart = LightweightCharts.createChart(host, chartOptions());
    this.lines = [];
    this.mode = "percent";
    this.restyle();
  }
  restyle() {
    this.chart.applyOptions(chartOptions());
    this.setMode(this.mode);
  }
  setMode(mode) {
    this.mode = mode;
    this.chart.priceScale("right").applyOptions({ mode: { close: 0, percent: 2, rebased: 3 }[mode] ?? 0 });
  }
  draw(query, symbols) {
    symbols.forEach((symbol, index) => {
      const bars = store.barsOf(query, symbol);
      let line = this.lines[index];
      if (!line) {
        const series = this.chart.addSeries(LightweightCharts.LineSeries, { color: lineColours[index], lineWidth: 2, priceLineVisible: false, title: "" });
        line = this.lines[index] = { series, bars: null, drawnTo: -Infinity };
      }
      line.series.applyOptions({ visible: true, title: innerWidth < 760 ? "" : shown(symbol) });
      const point = (bar) => ({ time: Math.floor(bar.time / 1000), ...(Number.isFinite(bar.close) ? { value: bar.close } : {}) });
      if (line.bars !== bars || bars.mustRebuild) {
        const points = new Map(bars.times.map((time) => [Math.floor(time / 1000), point(bars.byTime.get(time))]));
        line.series.setData([...points.values()]);
        line.bars = bars;
        line.drawnTo = Math.floor((bars.times[bars.times.length - 1] ?? -Infinity) / 1000);
        bars.mustRebuild = false;
      } else {
        for (const time of [...bars.changed].sort((a, b) => a - b)) {
          const second = Math.floor(time / 1000);
          line.series.update(point(bars.byTime.get(time)), second < line.drawnTo);
          line.drawnTo = Math.max(line.drawnTo, second);
        }
      }
      bars.changed.clear();
    });
    for (const line of this.lines.slice(symbols.length)) line.series.applyOptions({ visible: false });
  }
}
