// Pulse tracker, Apache-2.0. One file, no build: what is served is what is read here.
// README.md has what it promises.

const STEPS = ["page_view", "product_view", "add_to_cart", "checkout", "payment"];
const METADATA = ["product_id", "category", "search_query"];
const KEPT_QUERY = /^(utm_\w+|gclid|fbclid|msclkid)$/;
const BATCH = 20, BATCH_BYTES = 40_000, WAIT = 5_000, PAGE_WAIT = 1_000, TIMEOUT = 15_000;
const QUEUE = 1_000, PENDING = 100, SESSION = 30 * 60_000, YEAR = 395 * 86_400;
const STALE = 180_000, TAKES_AGAIN = [408, 429];

/** A UUID of version 7: the time in front, so that ids sort by it. */
export function uuid7(now, random) {
  const bytes = random(new Uint8Array(16));
  for (let i = 0; i < 6; i++) bytes[i] = Math.floor(now / 2 ** (8 * (5 - i))) & 255;
  bytes[6] = (bytes[6] & 15) | 112;
  bytes[8] = (bytes[8] & 63) | 128;
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
}

/** Milliseconds before try number `tries` + 1, between the half of it and the whole. */
export const backoff = (tries, unit) => Math.min(360_000, 1_000 * 2 ** tries) * (0.5 + unit / 2);

/** The same number from 0 to 1 for the same text, spread evenly. */
export function share(text) {
  let hash = 0x811c9dc5;
  for (const letter of text) hash = Math.imul(hash ^ letter.charCodeAt(0), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d);
  return ((hash ^ (hash >>> 13)) >>> 0) / 2 ** 32;
}

/** A tracker for this page. `env` is the window. */
export function tracker(options = {}, env = globalThis) {
  const { document, navigator, location, history } = env;
  const { endpoint = "", key, cookieless, collectorCookie, sampleRate = 1 } = options;
  const asks = () => collectorCookie && stored();
  const url = () => `${endpoint}/v1/events?key=${encodeURIComponent(key || "")}${asks() ? "&cookie=1" : ""}`;
  const now = () => env.Date.now();
  const tick = () => env.performance.now(); // a clock that nobody sets
  const id = () => uuid7(now(), (bytes) => env.crypto.getRandomValues(bytes));
  const counts = { dropped: 0, failed: 0 };
  const memory = {};
  let queue = [], sending = 0, tries = 0, notBefore = 0, timer, due = Infinity, callTime, full, left;
  let lastPage = "", lastPageAt, referrer = document.referrer;

  // what the browser keeps
  const stored = () => state === "granted" && !anonymous();
  const storage = (work) => {
    try { return work(env.localStorage); } catch { return null; }
  };
  const get = (name) => {
    const found = stored() && !full && storage((store) => [store.getItem("pulse." + name)]);
    return found ? found[0] : memory[name];
  };
  const set = (name, value) => {
    memory[name] = value;
    if (stored() && !storage((store) => [store.setItem("pulse." + name, value)])) full = 1;
  };
  const forget = (name) => {
    delete memory[name];
    storage((store) => store.removeItem("pulse." + name));
  };
  const cookie = (value, seconds) => {
    const domain = options.cookieDomain ? "; Domain=" + options.cookieDomain : "";
    const secure = location.protocol === "https:" ? "; Secure" : "";
    try {
      document.cookie = `pulse_id=${value}; Max-Age=${seconds}; Path=/; SameSite=Lax${domain}${secure}`;
    } catch { /* a page in a sandbox has none */ }
  };
  const cookieValue = () => {
    try { return /(?:^|; )pulse_id=([\w-]{36})/.exec(document.cookie)?.[1]; } catch { return null; }
  };

  // Consent: granted, denied, or pending: events wait in memory.
  const asked = navigator.globalPrivacyControl || navigator.doNotTrack === "1";
  let state = storage((store) => store.getItem("pulse.consent")) ||
    (asked && options.honorSignals !== false ? "denied" : options.consent || "granted");
  const anonymous = () => cookieless === true || (cookieless === "denied" && state === "denied");
  const silent = () => state === "denied" && !anonymous();

  function consent(value) {
    state = value;
    storage((store) => store.setItem("pulse.consent", value));
    if (value === "granted") {
      for (const name in memory) set(name, memory[name]);
      if (memory.anonymous) cookie(memory.anonymous, YEAR);
      keep();
      soon(0);
    } else {
      queue = [];
      for (const name of ["anonymous", "user", "session", "q." + tab]) forget(name);
      cookie("", 0);
    }
  }

  // who and when
  function visitor() {
    const found = (stored() && cookieValue()) || get("anonymous") || id();
    if (memory.anonymous !== found) {
      set("anonymous", found);
      if (stored() && !(collectorCookie && cookieValue() === found)) cookie(found, YEAR);
    }
    return found;
  }
  function session(at) {
    let [name, last] = (get("session") || "").split(" ");
    if (!name || at - last > SESSION) name = id();
    set("session", `${name} ${at}`);
    return name;
  }

  // events
  function context(extra) {
    const utm = {};
    for (const [name, value] of new URLSearchParams(location.search)) if (KEPT_QUERY.test(name)) utm[name] = value;
    const found = {
      title: document.title, referrer: referrer.split(/[?#]/)[0], language: navigator.language, lib: "pulse-js/0.1.0",
      screen: env.screen && `${env.screen.width}x${env.screen.height}`,
      time_zone: env.Intl?.DateTimeFormat().resolvedOptions().timeZone, ...extra,
    };
    if (Object.keys(utm).length) found.utm = utm;
    if (navigator.webdriver) found.webdriver = true;
    if (sampleRate < 1) found.sample_rate = sampleRate;
    if (state !== "granted") found.consent = state;
    return found;
  }
  function track(type, data) {
    if (silent() || share(visitor()) >= sampleRate) return;
    const at = callTime ?? now();
    const event = {
      event_type: String(type), event_id: id(), timestamp: new env.Date(at).toISOString(), anonymous_id: visitor(),
      session_id: session(at), page: location.pathname,
    };
    const { price, context: extra, ...properties } = data || {};
    const metadata = {};
    for (const name of METADATA) {
      if (properties[name] != null) metadata[name] = String(properties[name]);
      delete properties[name];
    }
    if (price != null && Number(price) >= 0 && Number(price) < 1e10) metadata.price = Number(price);
    if (Object.keys(metadata).length) event.metadata = metadata;
    if (STEPS.includes(type)) event.funnel_step_index = STEPS.indexOf(type);
    const user = get("user");
    if (user) event.user_id = user;
    event.properties = { ...properties, context: context(extra) };
    JSON.stringify(event); // fails here, and not in a batch with others
    queue.push(event);
    const most = state === "pending" ? PENDING : QUEUE;
    if (queue.length > most) counts.dropped += queue.splice(0, queue.length - most).length;
    keep();
    soon(queue.length >= BATCH ? 0 : type === "page_view" ? PAGE_WAIT : WAIT);
  }
  function page(data) {
    referrer = lastPage ? location.origin + lastPage : referrer;
    lastPage = location.pathname + location.search;
    lastPageAt = tick();
    track("page_view", data);
  }

  // The queue: one for each tab; that of a tab that is gone is taken over under a lock.
  const tab = id();
  function keep(closed) {
    if (!stored()) return;
    storage((store) => queue.length
      ? store.setItem("pulse.q." + tab, JSON.stringify({ at: now(), closed, events: queue }))
      : store.removeItem("pulse.q." + tab));
  }
  function adopt() {
    if (!stored()) return;
    storage((store) => {
      for (const name of Object.keys(store)) {
        if (!name.startsWith("pulse.q.") || name === "pulse.q." + tab) continue;
        let other = {};
        try { other = JSON.parse(store.getItem(name)); } catch { /* not ours, or half written */ }
        if (other.events && !other.closed && now() - other.at < STALE) continue;
        queue = [...(other.events || []), ...queue].slice(-QUEUE);
        keep();
        store.removeItem(name);
      }
    });
    if (queue.length) soon(0);
  }
  const adoptAlone = () => navigator.locks
    ? navigator.locks.request("pulse", { ifAvailable: true }, (lock) => { lock && safely(adopt)(); }).catch(() => {})
    : adopt();

  // sending
  function soon(wait) {
    const at = Math.max(tick() + wait, notBefore);
    if (state === "pending" || silent() || at >= due) return;
    env.clearTimeout(timer);
    due = at;
    timer = env.setTimeout(() => { due = Infinity; send().catch(() => {}); }, at - tick());
  }
  function batch(events, most = BATCH) {
    const body = (count) => JSON.stringify({ sent_at: new env.Date(now()).toISOString(), batch: events.slice(0, count) });
    let count = Math.min(most, events.length);
    while (count > 1 && new env.Blob([body(count)]).size > BATCH_BYTES) count = Math.ceil(count / 2);
    return [count, body(count)];
  }
  /** One batch; true if the collector answered for it and more waits. */
  async function send(most) {
    if (sending || !queue.length || state === "pending" || silent()) return;
    if (navigator.onLine === false) return; // the event `online` comes back to this
    const [count, body] = batch(queue, most);
    const ids = new Set(queue.slice(0, count).map((event) => event.event_id));
    const abort = new env.AbortController();
    const tooLong = env.setTimeout(() => abort.abort(), TIMEOUT);
    let status = 0, retryAfter = 0;
    sending = count;
    try {
      const answer = await env.fetch(url(), {
        method: "POST", body, headers: { "Content-Type": "text/plain" }, credentials: asks() ? "include" : "omit",
        keepalive: true, signal: abort.signal,
      });
      status = answer.status;
      retryAfter = Number(answer.headers.get("Retry-After")) * 1_000 || 0;
    } catch { /* no network, or no answer in time */ }
    env.clearTimeout(tooLong);
    if (collectorCookie && !asks()) cookie("", 0); // they said no while it was on its way
    sending = 0;
    if (status === 413 && count > 1) return send(Math.ceil(count / 2));
    if (status < 200 || status >= 500 || TAKES_AGAIN.includes(status)) {
      counts.failed++;
      notBefore = tick() + Math.max(retryAfter, backoff(tries++, env.Math.random()));
      return soon(0);
    }
    if (status >= 300) counts.dropped += count; // no retry can cure it
    tries = notBefore = 0;
    queue = queue.filter((event) => !ids.has(event.event_id));
    keep();
    if (queue.length) soon(queue.length >= BATCH ? 0 : WAIT);
    return queue.length > 0;
  }
  async function flush() {
    while (await send().catch(() => {})); // to the last
  }
  /** The page goes: the browser is asked to send the rest, and as nobody learns whether it did, the next page will too. */
  function leave() {
    if (left || state === "pending" || silent() || !queue.length) return;
    left = 1;
    const rest = queue.slice(sending);
    if (rest.length && navigator.onLine !== false) {
      navigator.sendBeacon?.(url(), new env.Blob([batch(rest, QUEUE)[1]], { type: "text/plain" }));
    }
    keep(true);
  }

  // the page
  const safely = (work) => (...words) => {
    try { return work(...words); } catch { counts.failed++; }
  };
  const on = (target, name, work) => target.addEventListener(name, safely(work));
  const moved = safely(() => {
    if (location.pathname + location.search !== lastPage || tick() - lastPageAt > 500) page();
  });
  const api = {
    page: safely(page),
    track: safely(track),
    identify: safely((user) => user == null ? forget("user") : set("user", String(user).slice(0, 200))),
    reset: safely(() => {
      for (const name of ["anonymous", "user", "session"]) forget(name);
      cookie("", 0);
    }),
    optIn: safely(() => consent("granted")),
    optOut: safely(() => consent("denied")),
    flush,
    counts,
    /** Calls that the page made before this was loaded, each with its time. */
    replay: (calls) => {
      for (const [name, at, words] of calls) {
        callTime = at;
        api[name]?.(...words);
      }
      callTime = undefined;
    },
  };
  safely(() => {
    on(document, "visibilitychange", () => {
      if (document.visibilityState === "hidden") {
        keep(left);
        if (!left) flush();
      } else {
        soon(0);
      }
    });
    on(env, "pagehide", leave);
    on(env, "pageshow", () => { left = 0; });
    on(env, "online", () => { tries = notBefore = 0; due = Infinity; soon(0); });
    if (options.spa !== false) {
      const pushState = history.pushState;
      history.pushState = function (...words) {
        const result = pushState.apply(this, words);
        moved();
        return result;
      };
      on(env, "popstate", moved);
    }
    adoptAlone();
    env.setInterval(() => { queue.length && keep(); safely(adoptAlone)(); }, STALE / 3).unref?.();
    if (options.autoPage !== false) page();
  })();
  return api;
}

// A page that has the snippet has left its calls and its options in `pulse`.
const stub = globalThis.pulse;
if (stub?.q) {
  try {
    const made = tracker(stub.options || {});
    globalThis.pulse = made;
    made.replay(stub.q);
  } catch { /* the page goes on without */ }
}
