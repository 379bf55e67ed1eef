-- The tables that two pipelines end in, as those pipelines make them.
CREATE TABLE stock_bars_1min (
    symbol text NOT NULL,
    timestamp timestamptz NOT NULL,
    open double precision,
    high double precision,
    low double precision,
    close double precision,
    volume bigint,
    PRIMARY KEY (symbol, timestamp)
);

CREATE TABLE ticks_raw (
    stream_ts TIMESTAMPTZ,
    date DATE,
    "index" TEXT,
    open NUMERIC,
    high NUMERIC,
    low NUMERIC,
    close NUMERIC,
    volume BIGINT,
    trade_value NUMERIC
);
