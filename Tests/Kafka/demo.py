"""`make kafka-demo`: a broker, a producer of simulated ticks and jobs/kafka.json, until Ctrl-C."""

import json
import os
import pathlib
import random
import signal
import subprocess
import tempfile
import time

from broker import Broker, ROOT

SYMBOLS = {"AAPL": 190.0, "AMZN": 180.0, "IBM": 250.0, "MSFT": 420.0, "TSLA": 240.0}


def tick(prices, chance):
    symbol = chance.choice(sorted(prices))
    prices[symbol] *= 1 + chance.gauss(0, 0.0004)
    return symbol, {"symbol": symbol, "price": round(prices[symbol], 2),
                    "volume": chance.randint(1, 500), "event_time": time.strftime(
                        "%Y-%m-%dT%H:%M:%S", time.gmtime()) + f".{time.time_ns() // 1000 % 10**6:06}Z"}


def main():
    folder = pathlib.Path(tempfile.mkdtemp(prefix="kafka-demo-"))
    # A Ctrl-C is for this process, which ends the others in their order.
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    broker = Broker(folder / "broker")
    broker.prefix = ""
    broker.topic(4, "ticks")
    broker.topic(4, "candles")
    job = subprocess.Popen(
        [ROOT / "streamer", "run", ROOT / "jobs" / "kafka.json"], cwd=folder,
        env={**os.environ, "KAFKA": broker.servers}, start_new_session=True)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGINT])
    print(f"1000 ticks a second go to the topic ticks at {broker.servers}. Look at\n"
          f"  candles:  kcat -b {broker.servers} -C -t candles -X isolation.level=read_committed\n"
          f"  the lake: cd {folder} && {ROOT}/streamer lake ls\n"
          "The first candles come when a minute is over. Ctrl-C ends all of it.", flush=True)
    producer = broker.producer()
    prices, chance = dict(SYMBOLS), random.Random(7)
    try:
        while job.poll() is None:
            for _ in range(20):
                symbol, value = tick(prices, chance)
                producer.produce("ticks", key=symbol, value=json.dumps(value))
            producer.poll(0)
            time.sleep(0.02)
    except KeyboardInterrupt:
        pass
    finally:
        producer.flush(5)
        if job.poll() is None:
            job.send_signal(signal.SIGINT)
            job.wait(60)
        broker.stop()
    print(f"ended; the lake is in {folder}")


if __name__ == "__main__":
    main()
