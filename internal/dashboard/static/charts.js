// Charts of the tables that have data-chart. A table stays what it is: who has no script, or does not see, reads it. A click
// on a bar follows the link of its cell.
(() => {
  "use strict";
  const board = document.getElementById("board");
  if (!board || !window.Chart) { return; }
  const style = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const fills = { green: ["#2f9e63", "#57c98d"], red: ["#c8423b", "#ff8a80"], blue: ["#2f6fd0", "#7fb0ff"], amber: ["#b98200", "#f2cf7d"], purple: ["#7a45c4", "#c3a1ff"] };
  const dark = () => document.documentElement.dataset.bsTheme === "dark";
  const fill = (colour) => (fills[colour] || fills.blue)[dark() ? 1 : 0];

  const draw = (table) => {
    const heads = [...table.tHead.rows[0].cells];
    const rows = [...table.tBodies[0].rows];
    const kind = table.dataset.chart;
    const across = kind === "across" || kind === "stack-across";
    const columns = heads.map((cell, i) => ({ cell, i })).filter(({ cell }) => cell.dataset.colour);
    const stacked = kind !== "across";
    if (columns.length === 0 || rows.length === 0) { return; }
    const shown = across ? rows.slice(0, 12) : rows;
    const canvas = document.createElement("canvas");
    const frame = document.createElement("div");
    const tile = table.closest(".tile");
    const old = tile.querySelector(".tile-chart");
    if (old) {
      window.Chart.getChart(old.querySelector("canvas"))?.destroy();
      old.remove();
    }
    canvas.setAttribute("role", "img");
    canvas.setAttribute("aria-label", board.dataset.picture + " " + tile.querySelector("h2").textContent);
    frame.className = "tile-chart";
    if (across) { frame.style.height = Math.max(10, 3 + shown.length * (stacked || columns.length < 3 ? 2.5 : 4.5)) + "rem"; }
    frame.append(canvas);
    table.closest(".tile-table").before(frame);
    const text = (row, i) => rows[row].cells[i].textContent;
    const short = (label) => label.length > 28 ? label.slice(0, 27) + "…" : label;
    const numbers = new Intl.NumberFormat(document.documentElement.lang, { notation: "compact" });
    const scale = Number(columns[0].cell.dataset.scale || 1);
    const soft = style("--soft-text"), line = style("--line");
    const value = { type: columns[0].cell.dataset.log ? "logarithmic" : "linear", beginAtZero: true, stacked, grid: { color: line }, ticks: { color: soft, maxTicksLimit: 6, callback: (v) => numbers.format(v / scale) } };
    const label = { stacked, grid: { display: false }, ticks: { color: soft, autoSkip: !across, maxRotation: 0 } };
    new window.Chart(canvas, {
      type: "bar",
      data: {
        labels: shown.map((row) => short(row.cells[0].textContent)),
        datasets: columns.map(({ cell, i }) => ({
          label: cell.textContent, backgroundColor: fill(cell.dataset.colour), data: shown.map((row) => Number(row.cells[i].dataset.value)), maxBarThickness: 36,
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
    });
    if (!tile.querySelector(".tile-png")) {
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
    }
  };
  const drawAll = () => board.querySelectorAll("table[data-chart]").forEach(draw);
  drawAll();
  board.dataset.drawn = "yes";
  new MutationObserver(drawAll).observe(document.documentElement, { attributeFilter: ["data-bs-theme"] });
})();
