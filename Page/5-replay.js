// A replay: how fast event time passes, where it is, and what the user asks of it.

const speeds = [[1, "1×"], [10, "10×"], [100, "100×"], [1000, "1000×"], ["max", "max"]];

function askReplay(wanted) {
  $("replayNote").textContent = "";
  connection.send({ replay: wanted });
}

/** Pauses, or lets event time pass on; begins anew behind the end. */
function toggleReplay() {
  if (store.replay) askReplay(store.replay.ended ? { restart: true } : { pause: !store.replay.paused });
}

/** A time as the field has it, which is UTC whatever the zone. */
function fieldTime(ms) { return new Date(ms).toISOString().slice(0, 19); }

function jumpReplay() {
  const ms = Date.parse($("jump").value + "Z");
  if (Number.isFinite(ms)) askReplay({ jump: ms }); else $("replayNote").textContent = "a time is as " + fieldTime(store.replay.from);
}

function drawReplay() {
  const { replay } = store;
  $("replay").hidden = !replay;
  if (!replay) return;
  const at = Math.max(replay.from, Math.min(replay.to, replay.at ?? store.status?.max ?? replay.from));
  const text = replay.ended ? "Begin anew" : replay.paused ? "Go on" : "Pause";
  if ($("play").textContent !== text) $("play").textContent = text;
  buttons($("speeds"), speeds, replay.speed ?? "max", (speed) => askReplay({ speed }));
  $("replayAt").max = Math.max(1, replay.to - replay.from);
  $("replayAt").value = at - replay.from;
  const clock = zone.full(at) + (replay.ended ? ", the end" : replay.paused ? ", paused" : "");
  if ($("replayClock").textContent !== clock) $("replayClock").textContent = clock;
  if ($("jump").value === "" && document.activeElement !== $("jump")) $("jump").value = fieldTime(replay.from);
}
