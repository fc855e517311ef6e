// Charts of the tables that have data-chart. A table stays what it is: who has no script, or does not see, reads it. A click
// on a bar follows the link of its cell. New figures go into the tables and charts that are there, so that nobody loses the place.
(() => {
  "use strict";
  const board = document.getElementById("board");
  if (!board || !window.Chart) { return; }
  const style = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const fills = { green: ["#2f9e63", "#57c98d"], red: ["#c8423b", "#ff8a80"], blue: ["#2f6fd0", "#7fb0ff"], amber: ["#b98200", "#f2cf7d"], purple: ["#7a45c4", "#c3a1ff"] };
  const dark = () => document.documentElement.dataset.bsTheme === "dark";
  const fill = (colour) => (fills[colour] || fills.blue)[dark() ? 1 : 0];

  // What a chart shows of its table, and how high it is; null: nothing.
  const read = (table) => {
    const heads = [...table.tHead.rows[0].cells];
    const rows = [...table.tBodies[0].rows];
    const kind = table.dataset.chart;
    const across = kind === "across" || kind === "stack-across";
    const line = kind === "line";
    const columns = heads.map((cell, i) => ({ cell, i })).filter(({ cell }) => cell.dataset.colour);
    const stacked = kind !== "across" && !line;
    if (columns.length === 0 || rows.length === 0) { return null; }
    const shown = across ? rows.slice(0, 12) : rows;
    const text = (row, i) => rows[row].cells[i].textContent;
    const short = (label) => label.length > 28 ? label.slice(0, 27) + "…" : label;
    const numbers = new Intl.NumberFormat(document.documentElement.lang, { notation: "compact" });
    const scale = Number(columns[0].cell.dataset.scale || 1);
    const soft = style("--soft-text"), grid = style("--line");
    const value = { type: columns[0].cell.dataset.log ? "logarithmic" : "linear", beginAtZero: true, stacked, grid: { color: grid }, ticks: { color: soft, maxTicksLimit: 6, callback: (v) => numbers.format(v / scale) } };
    const label = { stacked, grid: { display: false }, ticks: { color: soft, autoSkip: !across, maxRotation: 0 } };
    return {
      height: across ? Math.max(10, 3 + shown.length * (stacked || columns.length < 3 ? 2.5 : 4.5)) + "rem" : "",
      type: line ? "line" : "bar",
      data: {
        labels: shown.map((row) => short(row.cells[0].textContent)),
        datasets: columns.map(({ cell, i }) => ({
          label: cell.textContent, backgroundColor: fill(cell.dataset.colour), data: shown.map((row) => Number(row.cells[i].dataset.value)),
          ...(line ? { borderColor: fill(cell.dataset.colour), borderWidth: 2, pointRadius: shown.length > 62 ? 0 : 3, pointHitRadius: 10 } : { maxBarThickness: 36 }),
        })),
      },
      options: {
        indexAxis: across ? "y" : "x", animation: false, maintainAspectRatio: false, responsive: true,
        scales: across ? { x: value, y: label } : { x: label, y: value },
        plugins: {
          legend: { display: columns.length > 1, labels: { color: soft, boxWidth: 12 } },
          tooltip: { callbacks: { title: (items) => text(items[0].dataIndex, 0), label: (item) => item.dataset.label + ": " + text(item.dataIndex, columns[item.datasetIndex].i) } },
        },
        onClick: (_, found) => {
          if (found.length === 0) { return; }
          const row = rows[found[0].index];
          const link = row.cells[columns[found[0].datasetIndex].i].querySelector("a") || row.cells[0].querySelector("a");
          if (link) { window.location.assign(link.href); }
        },
        onHover: (event, found) => { event.native.target.style.cursor = found.length ? "pointer" : "default"; },
      },
    };
  };

  const draw = (tile) => {
    const table = tile.querySelector("table[data-chart]");
    const wanted = table && read(table);
    let frame = tile.querySelector(".tile-chart");
    const old = frame && window.Chart.getChart(frame.querySelector("canvas"));
    if (!wanted || old && old.config.type !== wanted.type) {
      old?.destroy();
      frame?.remove();
      frame = null;
      if (!wanted) {
        tile.querySelector(".tile-png")?.remove();
        return;
      }
    }
    if (frame) {
      frame.style.height = wanted.height;
      old.data = wanted.data;
      old.options = wanted.options;
      old.update("none");
      return;
    }
    const canvas = document.createElement("canvas");
    frame = document.createElement("div");
    canvas.setAttribute("role", "img");
    canvas.setAttribute("aria-label", board.dataset.picture + " " + tile.querySelector("h2").textContent);
    frame.className = "tile-chart";
    frame.style.height = wanted.height;
    frame.append(canvas);
    tile.querySelector(".tile-data").before(frame);
    new window.Chart(canvas, { type: wanted.type, data: wanted.data, options: wanted.options });
    if (!tile.querySelector(".tile-png") && !tile.querySelector(".tile-handle")) { offer(tile); }
  };

  // The button that saves the chart as a picture.
  const offer = (tile) => {
    const png = document.createElement("button");
    png.type = "button";
    png.className = "btn btn-sm tile-png";
    png.textContent = "PNG";
    png.setAttribute("aria-label", board.dataset.png + " " + tile.querySelector("h2").textContent);
    png.addEventListener("click", () => {
      const canvas = tile.querySelector(".tile-chart canvas");
      const picture = document.createElement("canvas");
      picture.width = canvas.width;
      picture.height = canvas.height;
      const paper = picture.getContext("2d");
      paper.fillStyle = dark() ? "#15191e" : "#ffffff";
      paper.fillRect(0, 0, picture.width, picture.height);
      paper.drawImage(canvas, 0, 0);
      picture.toBlob((blob) => {
        const link = document.createElement("a");
        link.href = URL.createObjectURL(blob);
        link.download = tile.id + ".png";
        link.click();
        URL.revokeObjectURL(link.href);
      });
    });
    tile.querySelector(".tile-acts").append(png);
  };
  const tiles = () => [...board.querySelectorAll(".tile")];
  const drawAll = () => tiles().forEach(draw);
  drawAll();
  board.dataset.drawn = "yes";
  new MutationObserver(drawAll).observe(document.documentElement, { attributeFilter: ["data-bs-theme"] });

  // New figures: a table takes the new rows, and a link in it that had the focus keeps it.
  const place = (link) => {
    const cell = link.closest("td, th");
    return { row: cell.parentElement.cells[0].textContent, cell: cell.cellIndex };
  };
  const exchange = (old, fresh) => {
    const was = old.querySelector("table"), is = fresh.querySelector("table");
    if (!was || !is) {
      old.replaceChildren(...fresh.childNodes);
      return;
    }
    const focused = was.contains(document.activeElement) ? place(document.activeElement) : null;
    if (is.dataset.chart) { was.dataset.chart = is.dataset.chart; }
    was.replaceChildren(...is.childNodes);
    if (!focused) { return; }
    const row = [...was.tBodies[0].rows].find((r) => r.cells[0].textContent === focused.row);
    (row?.cells[focused.cell]?.querySelector("a") ?? was.closest(".tile-table")).focus({ preventScroll: true });
  };
  document.addEventListener("htmx:beforeRequest", (event) => {
    if (event.target === board && document.hidden) { event.preventDefault(); }
  });
  document.addEventListener("htmx:configRequest", (event) => {
    if (event.target === board) { event.detail.headers.Seen = board.dataset.state; }
  });
  document.addEventListener("htmx:beforeSwap", (event) => {
    if (event.detail.target !== board) { return; }
    event.detail.shouldSwap = false;
    if (event.detail.xhr.status === 204) { board.dataset.same = Number(board.dataset.same || 0) + 1; } // nothing has changed
    if (event.detail.xhr.status !== 200) { return; } // the time of the figures says that they are old
    const fresh = new DOMParser().parseFromString(event.detail.xhr.response, "text/html");
    const ids = (root) => [...root.querySelectorAll(".tile")].map((tile) => tile.id).join();
    if (ids(fresh) !== ids(board)) { // somebody has arranged it otherwise, or the session has ended
      window.location.reload();
      return;
    }
    for (const tile of tiles()) {
      const old = tile.querySelector(".tile-data"), data = fresh.getElementById(tile.id).querySelector(".tile-data");
      if (!old || !data || old.innerHTML === data.innerHTML) { continue; }
      exchange(old, data);
      draw(tile);
    }
    board.dataset.state = fresh.getElementById("board").dataset.state;
    document.getElementById("as-of").textContent = fresh.getElementById("as-of").textContent;
    board.dataset.refreshed = Number(board.dataset.refreshed || 0) + 1;
  });
})();
