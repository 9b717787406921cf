// A browser without a window: storage, cookies, timers and a network that the test commands. Not the code under test.

export class Browser {
  constructor({ at = 1_800_000_000_000, path = "/", query = "", shared = {}, ...rest } = {}) {
    this.wall = at;
    this.ticks = 0;
    this.timers = [];
    this.requests = [];
    this.beacons = [];
    this.answers = []; // a status, [status, headers], or "offline" for each request to come; then `otherwise`
    this.otherwise = 202;
    this.listeners = {};
    this.shared = shared; // what tabs of one browser share
    this.shared.jar ??= {};
    this.shared.store ??= storage();
    Object.assign(this, rest);
    this.env = this.window(path, query);
  }

  window(path, query) {
    const browser = this;
    const listen = (name, work) => (browser.listeners[name] ??= []).push(work);
    return {
      document: {
        title: "Shop", referrer: "https://search.example/find?q=secret", visibilityState: "visible", addEventListener: listen,
        get cookie() { return Object.entries(browser.shared.jar).map(([name, value]) => `${name}=${value}`).join("; "); },
        set cookie(text) {
          const [, name, value, age] = /^(\w+)=([^;]*); Max-Age=(\d+)/.exec(text);
          browser.lastCookie = text;
          if (browser.noCookies) return;
          if (Number(age)) browser.shared.jar[name] = value;
          else delete browser.shared.jar[name];
        },
      },
      location: { pathname: path, search: query, origin: "https://shop.example", protocol: "https:" },
      navigator: {
        language: "en", onLine: true, locks: browser.locks,
        sendBeacon: (url, blob) => { browser.beacons.push({ url, blob }); return blob.size < 65_536; },
      },
      history: { pushState(_state, _title, path) { browser.goTo(path); } },
      get localStorage() {
        if (browser.noStorage) throw new Error("SecurityError");
        return browser.shared.store;
      },
      screen: { width: 1280, height: 720 },
      Date: class extends Date { static now() { return browser.wall; } },
      performance: { now: () => browser.ticks },
      Math: { random: () => 1 },
      crypto: globalThis.crypto, Blob, AbortController, Intl,
      addEventListener: listen,
      setTimeout: (work, wait) => browser.timer(work, wait),
      setInterval: (work, wait) => { browser.timer(work, wait, wait); return {}; },
      clearTimeout: (timer) => { browser.timers = browser.timers.filter((one) => one !== timer); },
      fetch: (url, init) => browser.fetched(url, init),
    };
  }

  goTo(path) {
    [this.env.location.pathname, this.env.location.search] = [path.split("?")[0], path.includes("?") ? "?" + path.split("?")[1] : ""];
  }

  timer(work, wait, every) {
    const made = { at: this.ticks + wait, work, every };
    this.timers.push(made);
    return made;
  }

  async fetched(url, init) {
    const answer = this.answers.length ? this.answers.shift() : this.otherwise;
    this.requests.push({ url, at: this.ticks, body: JSON.parse(init.body), bytes: init.body.length, answer, init });
    if (answer === "offline") throw new TypeError("Failed to fetch");
    if (answer === "hangs") return new Promise((_, fail) => init.signal.addEventListener("abort", () => fail(new Error("aborted"))));
    const [status, headers] = [answer].flat();
    return { status, headers: new Headers(headers) };
  }

  /** Lets so much time pass, and everything happen that is due in it. */
  async pass(milliseconds) {
    const end = this.ticks + milliseconds;
    await settled();
    for (;;) {
      const next = this.timers.filter((one) => one.at <= end).sort((a, b) => a.at - b.at)[0];
      if (!next) break;
      this.wall += next.at - this.ticks;
      this.ticks = next.at;
      if (next.every) next.at += next.every;
      else this.timers = this.timers.filter((one) => one !== next);
      next.work();
      await settled();
    }
    this.wall += end - this.ticks;
    this.ticks = end;
  }

  happen(name, values = {}) {
    Object.assign(this.env.document, values);
    for (const work of this.listeners[name] ?? []) work();
  }

  /** The events that were answered with 202, in the order in which they came. */
  get taken() {
    return this.requests.filter((one) => one.answer === 202).flatMap((one) => one.body.batch);
  }
}

const settled = async () => { for (let i = 0; i < 20; i++) await null; };

function storage(most = Infinity) {
  const store = Object.create({
    getItem(name) { return Object.hasOwn(this, name) ? this[name] : null; },
    setItem(name, value) {
      const size = Object.entries({ ...this, [name]: String(value) }).reduce((sum, [a, b]) => sum + a.length + b.length, 0);
      if (size > this.most()) throw new DOMException("full", "QuotaExceededError");
      this[name] = String(value);
    },
    removeItem(name) { delete this[name]; },
    most: () => most,
  });
  return store;
}
export { storage };
