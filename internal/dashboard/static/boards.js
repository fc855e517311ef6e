// A board that its maker arranges: tiles move by dragging their handle, by the arrow keys on it, and by the buttons, which
// without script are forms. Beside that: a board on the whole screen.
(() => {
  "use strict";
  document.addEventListener("click", (event) => {
    const link = event.target.closest("[data-fullscreen]");
    if (!link) { return; }
    if (link.dataset.fullscreen === "on" && document.fullscreenEnabled) {
      event.preventDefault();
      document.documentElement.requestFullscreen().then(() => document.body.classList.add("full"), () => window.location.assign(link.href));
    } else if (link.dataset.fullscreen === "off" && document.fullscreenElement) {
      event.preventDefault();
      document.exitFullscreen();
    }
  });
  document.addEventListener("fullscreenchange", () => {
    if (!document.fullscreenElement) { document.body.classList.remove("full"); }
  });

  const list = document.querySelector("#board > .board");
  const said = document.getElementById("moved");
  if (!list || !said) { return; }
  const tiles = () => [...list.children];
  const key = () => [...crypto.getRandomValues(new Uint8Array(16))].map((n) => n.toString(16).padStart(2, "0")).join("");

  // What is said, and which buttons are of use, follows the order.
  const settle = (tile) => {
    const all = tiles();
    all.forEach((t, i) => {
      t.querySelector('[data-move="-1"] button').disabled = i === 0;
      t.querySelector('[data-move="1"] button').disabled = i === all.length - 1;
    });
    said.textContent = said.dataset.text.replace("[[title]]", tile.querySelector("h2").textContent).replace("[[place]]", all.indexOf(tile) + 1).replace("[[count]]", all.length);
  };
  // Moves are sent one after another. One that does not arrive shows the board as it is.
  let sent = Promise.resolve();
  const send = (tile) => {
    settle(tile);
    const form = tile.querySelector("[data-move]");
    const body = new URLSearchParams({ tile: tile.dataset.tile, to: tiles().indexOf(tile), once: key() });
    list.dataset.moves = Number(list.dataset.moves || 0) + 1;
    sent = sent.then(() => fetch(form.action, { method: "POST", body, headers: { "HX-Request": "true" } })).then((answer) => {
      if (!answer.ok) { throw new Error(answer.status); }
      list.dataset.kept = Number(list.dataset.kept || 0) + 1;
    }).catch(() => window.location.reload());
  };
  const step = (tile, by) => {
    const all = tiles();
    const to = all.indexOf(tile) + by;
    if (to < 0 || to >= all.length) { return; }
    all[to][by < 0 ? "before" : "after"](tile);
    send(tile);
  };
  document.addEventListener("submit", (event) => {
    const by = Number(event.target.dataset.move);
    if (!by) { return; }
    event.preventDefault();
    event.stopPropagation(); // app.js lets a form go once, and this one stays
    const tile = event.target.closest(".tile");
    const button = event.target.querySelector("button");
    step(tile, by);
    const other = tile.querySelector(`[data-move="${-by}"] button`);
    (button.disabled ? other : button).focus();
  }, true);

  const steps = { ArrowUp: -1, ArrowLeft: -1, ArrowDown: 1, ArrowRight: 1 };
  let held = null; // the tile that is dragged, and what came after it
  for (const handle of list.querySelectorAll(".tile-handle")) {
    handle.hidden = false;
    handle.addEventListener("keydown", (event) => {
      if (!steps[event.key] || held) { return; }
      event.preventDefault();
      step(handle.closest(".tile"), steps[event.key]);
      handle.focus();
    });
    handle.addEventListener("pointerdown", (event) => {
      if (event.button !== 0) { return; }
      const tile = handle.closest(".tile");
      held = { tile, next: tile.nextElementSibling, from: tiles().indexOf(tile) };
      tile.classList.add("tile-moving");
      list.classList.add("board-moving");
    });
  }
  const release = (back) => {
    if (!held) { return; }
    const { tile, next, from } = held;
    held = null;
    tile.classList.remove("tile-moving");
    list.classList.remove("board-moving");
    if (back) { list.insertBefore(tile, next); }
    if (tiles().indexOf(tile) !== from) { send(tile); }
    tile.querySelector(".tile-handle").focus();
  };
  document.addEventListener("pointermove", (event) => {
    if (!held) { return; }
    const over = document.elementFromPoint(event.clientX, event.clientY)?.closest(".board > .tile");
    // A tile that has made room is under the pointer still, where it is the larger one.
    if (over === held.past) { return; }
    held.past = over === held.tile ? null : over;
    if (!held.past) { return; }
    const all = tiles();
    over[all.indexOf(over) < all.indexOf(held.tile) ? "before" : "after"](held.tile);
  });
  document.addEventListener("pointerup", () => release(false));
  document.addEventListener("pointercancel", () => release(true));
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") { release(true); }
  });
})();
