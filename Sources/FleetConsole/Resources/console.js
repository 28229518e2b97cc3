// Martlet's console: small helpers on server-rendered pages. Everything but live updates, signing and the annotate
// keys works without this file.
"use strict";
(() => {
  const formToken = document.body.dataset.formToken || "";
  const $ = (selector, root = document) => root.querySelector(selector);
  const $$ = (selector, root = document) => [...root.querySelectorAll(selector)];

  // One way to call the API: session cookie, form token, errors as the API words them.
  async function api(path, body, method) {
    const response = await fetch("/api/v1" + path, {
      method: method || (body === undefined ? "GET" : "POST"),
      headers: { "Accept": "application/json", "Content-Type": "application/json", "X-CSRF-Token": formToken },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
    const text = await response.text();
    const document = text ? JSON.parse(text) : {};
    if (!response.ok) {
      const error = document.error || { message: "The controller answered " + response.status + ".", hint: "" };
      throw new Error(error.message + " " + error.hint);
    }
    return document;
  }

  let toastTimer;
  function toast(text, bad = false) {
    const element = $("#toast");
    element.textContent = text;
    element.classList.toggle("bad", bad);
    clearTimeout(toastTimer);
    toastTimer = setTimeout(() => { element.textContent = ""; }, bad ? 8000 : 2500);
  }

  // Theme: system → dark → light; a cookie, so that the server renders the choice and nothing flashes.
  function setTheme(theme) {
    if (theme === "system") { delete document.documentElement.dataset.theme; } else { document.documentElement.dataset.theme = theme; }
    document.cookie = "martlet_theme=" + theme + "; Path=/; Max-Age=31536000; SameSite=Strict";
    const button = $("#theme");
    if (button) { button.title = "Theme: " + theme; button.setAttribute("aria-label", "Theme: " + theme + ". Change"); }
  }
  $("#theme")?.addEventListener("click", () => {
    const order = ["system", "dark", "light"];
    const now = document.documentElement.dataset.theme || "system";
    setTheme(order[(order.indexOf(now) + 1) % order.length]);
  });

  // Relative times stay true while a page is open.
  const steps = [[60, 1, "s"], [3600, 60, "min"], [86400, 3600, "h"], [Infinity, 86400, "d"]];
  function relative(milliseconds) {
    const seconds = Math.round(Math.abs(milliseconds) / 1000);
    if (seconds < 5) return "just now";
    const [, size, unit] = steps.find(([limit]) => seconds < limit);
    const text = Math.floor(seconds / size) + " " + unit;
    return milliseconds >= 0 ? text + " ago" : "in " + text;
  }
  function refreshTimes(root = document) {
    for (const time of $$("time[data-relative]", root)) time.textContent = relative(Date.now() - Date.parse(time.dateTime));
  }
  setInterval(refreshTimes, 5000);

  // Live parts: <section id="…" data-live="rollout device"> is fetched again when such a thing changes.
  const liveKinds = new Set($$("[data-live]").flatMap((part) => part.dataset.live.split(" ")));
  let refreshTimer = null, refreshing = false, again = false;
  async function refreshLive() {
    if (refreshing) { again = true; return; }
    refreshing = true;
    try {
      const response = await fetch(location.href, { headers: { "X-Live": "1" } });
      if (!response.ok) return;
      const fresh = new DOMParser().parseFromString(await response.text(), "text/html");
      for (const part of $$("[data-live]")) {
        const next = fresh.getElementById(part.id);
        const held = part.dataset.hold && (part.contains(document.activeElement) || $("input[type=file]", part)?.files.length > 0);
        if (!next || held || next.innerHTML === part.innerHTML) continue;
        const focus = part.contains(document.activeElement) ? document.activeElement.id : "";
        part.innerHTML = next.innerHTML;
        if (focus) document.getElementById(focus)?.focus();
        refreshTimes(part);
      }
      document.documentElement.dataset.refreshed = String(Number(document.documentElement.dataset.refreshed || 0) + 1);
    } catch { /* the stream's own reconnect tells when the controller is back */ } finally {
      refreshing = false;
      if (again) { again = false; scheduleRefresh(); }
    }
  }
  function scheduleRefresh() {
    if (refreshTimer === null) refreshTimer = setTimeout(() => { refreshTimer = null; refreshLive(); }, 250);
  }
  if (liveKinds.size > 0) {
    const source = new EventSource(document.body.dataset.events || "/api/v1/events");
    source.addEventListener("open", () => {
      $("#live")?.classList.add("on");
      if (document.documentElement.dataset.live === "lost") scheduleRefresh();
      document.documentElement.dataset.live = "on";
    });
    source.addEventListener("error", () => { document.documentElement.dataset.live = "lost"; });
    source.addEventListener("change", (event) => {
      if (liveKinds.has(JSON.parse(event.data).kind)) scheduleRefresh();
    });
    // This page was too slow to read everything: it looks at all of it again.
    source.addEventListener("resync", scheduleRefresh);
    setInterval(() => { if (!document.hidden) scheduleRefresh(); }, 30000);
  }

  // Forms that ask first, links that copy.
  document.addEventListener("submit", (event) => {
    const question = event.submitter?.dataset.confirm || event.target.dataset.confirm;
    if (question && !window.confirm(question)) event.preventDefault();
  });
  document.addEventListener("click", async (event) => {
    const copy = event.target.closest("[data-copy]");
    if (!copy) return;
    await navigator.clipboard.writeText(copy.dataset.copy);
    toast("Copied");
  });
  $$("form[data-auto] select").forEach((select) => select.addEventListener("change", () => select.form.requestSubmit()));
  $(".nav a[aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" });

  // Annotate ---------------------------------------------------------------------------------------------------------
  const store = (key) => JSON.parse(sessionStorage.getItem(key) || "[]");
  const keep = (key, list) => sessionStorage.setItem(key, JSON.stringify(list.slice(-200)));
  let shownAt = performance.now(), busy = false;

  async function show(query) {
    const response = await fetch("/annotate" + query, { headers: { "X-Live": "1" } });
    if (!response.ok) throw new Error("The controller answered " + response.status + ".");
    const fresh = new DOMParser().parseFromString(await response.text(), "text/html");
    const work = $("#work");
    work.innerHTML = fresh.getElementById("work").innerHTML;
    work.dataset.sample = fresh.getElementById("work").dataset.sample;
    $("#progress").innerHTML = fresh.getElementById("progress").innerHTML;
    shownAt = performance.now();
    ($(".choice.chosen", work) || $(".choice", work))?.focus();
  }
  const next = () => show("?skip=" + store("skipped").join("."));
  async function guarded(action) {
    if (busy) return;
    busy = true;
    try { await action(); } catch (error) { toast(error.message, true); } finally { busy = false; }
  }
  async function judge(button) {
    const sample = $("#work").dataset.sample;
    const verdict = button.dataset.verdict;
    const seconds = Math.min(3600, (performance.now() - shownAt) / 1000);
    const body = { verdict, seconds };
    if (verdict === "class") body.class = button.dataset.class;
    await api("/samples/" + sample + "/annotations", body);
    keep("judged", [...store("judged"), sample]);
    toast((verdict === "class" ? button.dataset.class : "Unusable") + " saved");
    await next();
  }
  async function undo() {
    const judged = store("judged");
    const last = judged.pop();
    if (!last) { toast("Nothing to undo in this session"); return; }
    keep("judged", judged);
    await api("/samples/" + last + "/annotations", undefined, "DELETE");
    await show("?sample=" + last);
    toast("Annotation withdrawn: choose again");
  }
  async function skip() {
    keep("skipped", [...store("skipped"), $("#work").dataset.sample]);
    await next();
    toast("Skipped");
  }
  function moveFocus(step) {
    const choices = $$("#work .choice");
    if (!choices.length) return;
    const index = choices.indexOf(document.activeElement);
    choices[(index + step + choices.length) % choices.length].focus();
  }
  if ($("#work")) {
    document.addEventListener("submit", (event) => {
      if (!event.target.closest("#work")) return;
      event.preventDefault();
      const button = event.submitter;
      if (button.dataset.verdict) guarded(() => judge(button));
      else if (button.dataset.move === "skip") guarded(skip);
      else if (button.dataset.move === "undo") guarded(undo);
    });
    document.addEventListener("keydown", (event) => {
      if (event.ctrlKey || event.metaKey || event.altKey || /^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName)) return;
      const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
      const button = $$("#work button[data-key]").find((choice) => choice.dataset.key === key);
      if (button) { event.preventDefault(); button.click(); }
      else if (key === "ArrowDown" || key === "ArrowRight") { event.preventDefault(); moveFocus(1); }
      else if (key === "ArrowUp" || key === "ArrowLeft") { event.preventDefault(); moveFocus(-1); }
    });
    $("#work .choice")?.focus();
  }

  // Signing a release with a key file that the person picks: the private key stays in this page.
  const base64 = (bytes) => btoa(String.fromCharCode(...new Uint8Array(bytes)));
  const fromBase64 = (text) => Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (c) => c.charCodeAt(0));
  async function sign(form) {
    const file = $("input[type=file]", form).files[0];
    if (!file) throw new Error("Pick the file of your release key first.");
    const match = (await file.text()).match(/-----BEGIN PRIVATE KEY-----([\s\S]+?)-----END PRIVATE KEY-----/);
    if (!match) throw new Error("'" + file.name + "' is not a PEM file with a private key.");
    const key = await crypto.subtle.importKey("pkcs8", fromBase64(match[1].replace(/\s/g, "")), { name: "Ed25519" }, true, ["sign"])
      .catch(() => { throw new Error("'" + file.name + "' does not hold an Ed25519 key."); });
    const publicKey = base64(fromBase64((await crypto.subtle.exportKey("jwk", key)).x));
    const trusted = (await api("/keys")).items.find((item) => item.publicKey === publicKey);
    if (!trusted) throw new Error("This key is not one of the trusted release keys.");
    const release = form.dataset.release;
    const { toBeSigned } = await api("/releases/" + release + "/to-be-signed?key=" + trusted.id);
    const signature = await crypto.subtle.sign({ name: "Ed25519" }, key, fromBase64(toBeSigned));
    await api("/releases/" + release + "/signatures", { keyId: trusted.id, signature: base64(signature) });
    location.reload();
  }
  $("form[data-release]")?.addEventListener("submit", (event) => {
    event.preventDefault();
    guarded(() => sign(event.target));
  });
})();
