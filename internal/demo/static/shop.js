// Keeps the page live. Everything works without it, after a reload.
"use strict";
(() => {
  const root = document.documentElement;
  root.classList.add("js");

  // What the server last said of each live part, before the reader opened or
  // closed anything in it.
  const parts = () => document.querySelectorAll("[data-live]");
  const said = new Map();
  parts().forEach((part) => said.set(part.id, part.innerHTML));

  // Which folds the reader has opened or closed by hand.
  const folds = new Map();
  document.addEventListener("click", (event) => {
    const summary = event.target.closest("summary");
    const fold = summary && summary.closest("details[data-key]");
    if (fold) folds.set(fold.dataset.key, !fold.open);
  });

  const word = document.getElementById("live-word");
  const state = document.getElementById("live-state");
  const connected = (yes) => {
    state.textContent = yes ? "live" : "connecting…";
    state.parentElement.classList.toggle("is-live", yes);
  };

  function replace(part, fresh) {
    const focus = part.contains(document.activeElement) ? document.activeElement.id : "";
    const before = new Set([...part.querySelectorAll(".row")].map((row) => row.id));
    fresh.querySelectorAll("details[data-key]").forEach((fold) => {
      if (folds.has(fold.dataset.key)) fold.open = folds.get(fold.dataset.key);
    });
    part.replaceChildren(...fresh.childNodes);
    part.querySelectorAll(".row").forEach((row) => row.classList.toggle("is-new", !before.has(row.id)));
    if (focus) {
      const again = document.getElementById(focus);
      if (again) again.focus({ preventScroll: true });
    }
    const say = fresh.dataset.say;
    if (say && say !== part.dataset.say) {
      part.dataset.say = say;
      word.textContent = say;
    }
  }

  let asking = false;
  let again = false;
  async function refresh() {
    if (asking) {
      again = true;
      return;
    }
    asking = true;
    try {
      const answer = await fetch(location.pathname === "/payouts" ? "/" : location.href, { headers: { Accept: "text/html" } });
      if (!answer.ok) throw new Error(answer.statusText);
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      parts().forEach((part) => {
        const fresh = page.getElementById(part.id);
        if (!fresh || said.get(part.id) === fresh.innerHTML) return;
        said.set(part.id, fresh.innerHTML);
        replace(part, fresh);
      });
    } catch {
      connected(false); // the stream's return asks again
    }
    asking = false;
    if (again) {
      again = false;
      refresh();
    }
  }

  connected(false);
  const events = new EventSource("/events");
  events.addEventListener("open", () => {
    connected(true);
    refresh();
  });
  events.addEventListener("change", refresh);
  events.addEventListener("error", () => connected(false));
  // A page that waits in the browser's memory holds no connection.
  addEventListener("pagehide", () => events.close());
  addEventListener("pageshow", (event) => event.persisted && location.reload());

  document.addEventListener("click", async (event) => {
    const button = event.target.closest("button[data-copy]");
    if (!button) return;
    const label = button.dataset.label || (button.dataset.label = button.textContent);
    try {
      await navigator.clipboard.writeText(button.dataset.copy);
      button.textContent = "Copied";
      word.textContent = "Copied to the clipboard";
    } catch {
      button.textContent = "Not allowed";
      word.textContent = "The browser did not allow copying";
    }
    setTimeout(() => { button.textContent = label; }, 1500);
  });

  // The account number and the menu of what the bank will do say the same.
  const account = document.getElementById("account");
  const ending = document.getElementById("ending");
  const endingWord = document.getElementById("ending-word");
  const length = 4;
  const options = [...ending.options];
  const describe = () => { endingWord.textContent = ending.selectedOptions[0].dataset.word; };
  const match = () => {
    const tail = account.value.trim().slice(-length);
    ending.value = options.some((o) => o.value === tail) ? tail : "";
    describe();
  };
  account.addEventListener("input", match);
  ending.addEventListener("change", () => {
    const tail = account.value.trim().slice(-length);
    if (ending.value || options.some((o) => o.value && o.value === tail)) {
      account.value = account.value.trim().slice(0, -length) + (ending.value || "4598");
    }
    describe();
  });
  match(); // a reload may have kept one and not the other

  const errors = document.getElementById("form-errors");
  if (errors) (document.querySelector("[aria-invalid]") || errors).focus();
})();
