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
      document.dispatchEvent(new Event("refreshed"));
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

  // People's release keys ---------------------------------------------------------------------------------------------
  // A key comes from a file that the person picks, or lies in this browser's IndexedDB as a CryptoKey that nobody can read
  // out. It signs here; only the signature is sent.
  const base64 = (bytes) => btoa(String.fromCharCode(...new Uint8Array(bytes)));
  const fromBase64 = (text) => Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (c) => c.charCodeAt(0));
  const hexadecimal = (bytes) => [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  const Ed25519 = { name: "Ed25519" };

  const keyStore = (mode, action) => new Promise((resolve, reject) => {
    const opening = indexedDB.open("martlet", 1);
    opening.onupgradeneeded = () => opening.result.createObjectStore("keys", { keyPath: "id" });
    opening.onerror = () => reject(new Error("This browser keeps no keys: " + opening.error.message));
    opening.onsuccess = () => {
      const request = action(opening.result.transaction("keys", mode).objectStore("keys"));
      const end = (answer) => { opening.result.close(); answer(); };
      request.onsuccess = () => end(() => resolve(request.result));
      request.onerror = () => end(() => reject(request.error));
    };
  });
  const browserKeys = () => keyStore("readonly", (keys) => keys.getAll());
  // A key's id: the first 16 bytes of the SHA-256 of its raw public half.
  const keyID = async (raw) => hexadecimal(new Uint8Array(await crypto.subtle.digest("SHA-256", raw)).slice(0, 16));

  async function keyOfFile(file) {
    if (!file) throw new Error("Pick the file of your release key first.");
    const text = await file.text();
    if (text.includes("BEGIN ENCRYPTED PRIVATE KEY")) {
      throw new Error("'" + file.name + "' is encrypted: sign with 'martlet release approve', which asks for its passphrase.");
    }
    const match = text.match(/-----BEGIN PRIVATE KEY-----([\s\S]+?)-----END PRIVATE KEY-----/);
    if (!match) throw new Error("'" + file.name + "' is not a PEM file with a private key.");
    const bytes = fromBase64(match[1].replace(/\s/g, ""));
    const noKey = () => { throw new Error("'" + file.name + "' does not hold an Ed25519 key."); };
    // Readable only for as long as it takes to learn its public half.
    const readable = await crypto.subtle.importKey("pkcs8", bytes, Ed25519, true, ["sign"]).catch(noKey);
    const raw = fromBase64((await crypto.subtle.exportKey("jwk", readable)).x);
    const key = await crypto.subtle.importKey("pkcs8", bytes, Ed25519, false, ["sign"]);
    return { id: await keyID(raw), holder: file.name.replace(/\.pem$/, ""), raw, key };
  }

  async function sign(form) {
    const chosen = $("#browser-key", form)?.value;
    const signer = chosen ? (await browserKeys()).find((key) => key.id === chosen) : await keyOfFile($("#key-file", form).files[0]);
    if (!signer) throw new Error("That key is no longer in this browser.");
    const release = "/releases/" + form.dataset.release;
    const { toBeSigned } = await api(release + "/to-be-signed?key=" + signer.id);
    const signature = await crypto.subtle.sign(Ed25519, signer.key, fromBase64(toBeSigned));
    await api(release + "/signatures", { keyId: signer.id, signature: base64(signature) });
    if (!chosen && $("#remember-key", form)?.checked) await keyStore("readwrite", (keys) => keys.put(signer));
    location.reload();
  }

  // The card that the holder of the root needs (docs/trust.md), as martlet key create writes it.
  function card(entry) {
    const head = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00]; // SubjectPublicKeyInfo, RFC 8410
    return "Martlet public key\nkind: release\nholder: " + entry.holder + "\nid: " + entry.id + "\npublic: " + hexadecimal(entry.raw)
      + "\n-----BEGIN PUBLIC KEY-----\n" + base64([...head, ...entry.raw]) + "\n-----END PUBLIC KEY-----\n";
  }

  async function makeKey(form) {
    const holder = $("input", form).value.trim();
    if (!/^[A-Za-z0-9_-]{1,64}$/.test(holder)) throw new Error("Say who holds it, with A-Z a-z 0-9 _ -.");
    const pair = await crypto.subtle.generateKey(Ed25519, false, ["sign", "verify"])
      .catch(() => { throw new Error("This browser makes no Ed25519 keys: use 'martlet key create'."); });
    const raw = new Uint8Array(await crypto.subtle.exportKey("raw", pair.publicKey));
    const entry = { id: await keyID(raw), holder, raw, key: pair.privateKey };
    await keyStore("readwrite", (keys) => keys.put(entry));
    form.reset();
    await showBrowserKeys();
  }

  async function showBrowserKeys() {
    const select = $("#browser-key"), list = $("#browser-keys");
    if (!select && !list) return;
    const keys = await browserKeys().catch(() => []);
    if (select && keys.length > 0 && select.options.length === 1) {
      for (const key of keys) select.prepend(new Option(key.holder + " (" + key.id.slice(0, 8) + ", in this browser)", key.id));
      select.selectedIndex = 0;
      select.closest(".field").hidden = false;
      chooseKey(select);
    }
    if (!list) return;
    list.replaceChildren(...keys.map((key) => {
      const item = $("#browser-key-item").content.cloneNode(true);
      $("strong", item).textContent = key.holder;
      $("pre", item).textContent = card(key);
      $("[data-copy]", item).dataset.copy = card(key);
      $("[data-forget]", item).dataset.forget = key.id;
      return item;
    }));
  }
  const chooseKey = (select) => { for (const part of $$("[data-key-file]")) part.hidden = select.value !== ""; };

  document.addEventListener("change", (event) => { if (event.target.id === "browser-key") chooseKey(event.target); });
  document.addEventListener("submit", (event) => {
    const action = event.target.matches("form[data-release]") ? sign : event.target.matches("form[data-make-key]") ? makeKey : null;
    if (!action) return;
    event.preventDefault();
    guarded(() => action(event.target));
  });
  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-forget]");
    if (!button || !window.confirm("Forget this key? It cannot be brought back.")) return;
    guarded(async () => { await keyStore("readwrite", (keys) => keys.delete(button.dataset.forget)); await showBrowserKeys(); });
  });
  document.addEventListener("refreshed", showBrowserKeys);
  showBrowserKeys();
})();
