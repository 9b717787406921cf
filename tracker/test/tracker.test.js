import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { gzipSync } from "node:zlib";

import { backoff, share, tracker, uuid7 } from "../pulse.js";
import { Browser, storage } from "./browser.js";

const UUID7 = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
const QUIET = { autoPage: false };
const ids = (events) => events.map((event) => event.event_id);
const queues = (browser) => Object.keys(browser.shared.store).filter((name) => name.startsWith("pulse.q."));

function opened(options = QUIET, words = {}) {
  const browser = new Browser(words);
  return [browser, tracker({ endpoint: "https://c.example", ...options }, browser.env)];
}

test("it is small", () => {
  assert.ok(gzipSync(readFileSync(new URL("../pulse.js", import.meta.url)), { level: 9 }).length < 5_000);
  const about = JSON.parse(readFileSync(new URL("../package.json", import.meta.url)));
  assert.equal(about.dependencies, undefined);
});

test("an id is a UUID of version 7 with the time in front", () => {
  const made = uuid7(0x0189_abcd_ef01, (bytes) => bytes.fill(255));
  assert.equal(made, "0189abcd-ef01-7fff-bfff-ffffffffffff");
  assert.match(made, UUID7);
});

test("an event says who, what, when and where", async () => {
  const [browser, pulse] = opened({ ...QUIET, key: "k 1" }, { path: "/product/7", query: "?utm_source=mail&token=secret&gclid=g" });
  pulse.identify(42);
  pulse.track("add_to_cart", { product_id: 7, price: "9.50", category: "tea", colour: "green" });
  await browser.pass(5_000);
  assert.equal(browser.requests[0].url, "https://c.example/v1/events?key=k%201");
  assert.equal(browser.requests[0].init.headers["Content-Type"], "text/plain");
  const { event_id, anonymous_id, session_id, properties, ...event } = browser.taken[0];
  for (const id of [event_id, anonymous_id, session_id]) assert.match(id, UUID7);
  assert.deepEqual(event, {
    event_type: "add_to_cart", user_id: "42", timestamp: new Date(1_800_000_000_000).toISOString(), page: "/product/7",
    metadata: { product_id: "7", category: "tea", price: 9.5 }, funnel_step_index: 2,
  });
  const { colour, context } = properties;
  assert.equal(colour, "green");
  assert.deepEqual(context.utm, { utm_source: "mail", gclid: "g" });
  assert.equal(context.referrer, "https://search.example/find");
  assert.ok(!JSON.stringify(browser.taken).includes("secret"));
});

test("the funnel step is that of the event type, and others have none", async () => {
  const [browser, pulse] = opened();
  for (const type of ["page_view", "product_view", "add_to_cart", "checkout", "payment", "search"]) pulse.track(type);
  await browser.pass(5_000);
  assert.deepEqual(browser.taken.map((event) => event.funnel_step_index), [0, 1, 2, 3, 4, undefined]);
});

test("a visitor is known again by the cookie, a user by storage, and reset forgets both", async () => {
  const [first, one] = opened();
  one.identify("u");
  one.track("a");
  await first.pass(5_000);
  assert.match(first.lastCookie, /Max-Age=34128000; Path=\/; SameSite=Lax; Secure/);
  const [second, two] = opened(QUIET, { shared: first.shared });
  two.track("b");
  two.reset();
  two.track("c");
  await second.pass(5_000);
  const [a] = first.taken, [b, c] = second.taken;
  assert.equal(b.anonymous_id, a.anonymous_id);
  assert.equal(b.session_id, a.session_id);
  assert.equal(b.user_id, "u");
  assert.notEqual(c.anonymous_id, a.anonymous_id);
  assert.notEqual(c.session_id, a.session_id);
  assert.equal(c.user_id, undefined);
});

test("a session ends after half an hour of silence", async () => {
  const [browser, pulse] = opened();
  pulse.track("a");
  await browser.pass(30 * 60_000);
  pulse.track("b");
  await browser.pass(30 * 60_000 + 1);
  pulse.track("c");
  await browser.pass(5_000);
  const [a, b, c] = browser.taken.map((event) => event.session_id);
  assert.equal(a, b);
  assert.notEqual(b, c);
});

test("events are sent in batches: of 20, after 5 s, or of 40 kB", async () => {
  const [browser, pulse] = opened();
  for (let i = 0; i < 45; i++) pulse.track("a", { i });
  await browser.pass(4_999);
  assert.deepEqual(browser.requests.map((one) => one.body.batch.length), [20, 20]);
  await browser.pass(10_000);
  assert.deepEqual(browser.taken.map((event) => event.properties.i), [...Array(45).keys()]);
  for (let i = 0; i < 4; i++) pulse.track("large", { text: "é".repeat(10_000) });
  await browser.pass(30_000);
  assert.ok(browser.requests.every((one) => one.bytes < 40_000));
  assert.equal(browser.taken.length, 49);
});

test("offline, then online: everything arrives once, with the time at which it happened", async () => {
  const [browser, pulse] = opened();
  browser.env.navigator.onLine = false;
  for (let i = 0; i < 30; i++) { pulse.track("a", { i }); await browser.pass(60_000); }
  assert.equal(browser.requests.length, 0);
  browser.env.navigator.onLine = true;
  browser.happen("online");
  await browser.pass(10_000);
  assert.deepEqual(browser.taken.map((event) => event.properties.i), [...Array(30).keys()]);
  assert.equal(new Set(ids(browser.taken)).size, 30);
  assert.equal(Date.parse(browser.taken[1].timestamp) - Date.parse(browser.taken[0].timestamp), 60_000);
});

test("503, then 202: the same events with the same ids and times, sent at another time", async () => {
  const [browser, pulse] = opened();
  browser.answers = [503, "offline", 500, 408];
  pulse.track("a");
  await browser.pass(60_000);
  assert.deepEqual(browser.requests.map((one) => one.at), [5_000, 6_000, 8_000, 12_000, 20_000]);
  assert.equal(new Set(browser.requests.map((one) => JSON.stringify(one.body.batch))).size, 1);
  assert.equal(new Set(browser.requests.map((one) => one.body.sent_at)).size, 5);
  assert.equal(browser.taken.length, 1);
});

test("a wait grows to six minutes, and Retry-After is never cut short, by later events neither", async () => {
  assert.deepEqual([0, 1, 5, 9, 60].map((tries) => backoff(tries, 1)), [1_000, 2_000, 32_000, 360_000, 360_000]);
  assert.equal(backoff(0, 0), 500);
  const [browser, pulse] = opened();
  browser.answers = [[429, { "Retry-After": "30" }]];
  for (let i = 0; i < 20; i++) pulse.track("a");
  await browser.pass(10_000);
  pulse.track("b");
  await browser.pass(19_999);
  assert.equal(browser.requests.length, 1);
  await browser.pass(10_000);
  assert.equal(browser.taken.length, 21);
});

test("what no retry can cure is given up and counted, and what comes after it is sent", async () => {
  for (const status of [400, 401, 403, 410, 413, 422]) {
    const [browser, pulse] = opened();
    browser.answers = [status];
    pulse.track("a");
    await browser.pass(5_000);
    pulse.track("b");
    await browser.pass(5_000);
    assert.deepEqual(browser.taken.map((event) => event.event_type), ["b"]);
    assert.equal(pulse.counts.dropped, 1);
  }
});

test("a batch that is too large is halved until it fits", async () => {
  const [browser, pulse] = opened();
  browser.answers = [413, 413];
  for (let i = 0; i < 20; i++) pulse.track("a", { i });
  await browser.pass(30_000);
  assert.deepEqual(browser.taken.map((event) => event.properties.i), [...Array(20).keys()]);
  assert.equal(pulse.counts.dropped, 0);
});

test("a collector that never answers is given up after 15 s and asked again", async () => {
  const [browser, pulse] = opened();
  browser.answers = ["hangs"];
  pulse.track("a");
  await browser.pass(25_000);
  assert.equal(browser.taken.length, 1);
});

test("a clock that is set while events wait stops nothing", async () => {
  const [browser, pulse] = opened();
  browser.answers = [503];
  pulse.track("a");
  await browser.pass(5_500);
  browser.wall -= 2 * 3_600_000;
  await browser.pass(5_000);
  assert.equal(browser.taken.length, 1);
});

test("the queue holds 1,000, and the oldest go first and are counted", async () => {
  const [browser, pulse] = opened();
  browser.env.navigator.onLine = false;
  for (let i = 0; i < 1_010; i++) pulse.track("a", { i });
  browser.env.navigator.onLine = true;
  browser.happen("online");
  await browser.pass(60_000);
  assert.equal(browser.taken.length, 1_000);
  assert.equal(browser.taken[0].properties.i, 10);
  assert.equal(pulse.counts.dropped, 10);
});

test("a page that closes asks the browser to send, and the next page sends the rest", async () => {
  const [first, one] = opened();
  one.track("a");
  one.track("b");
  first.happen("pagehide");
  const { batch } = JSON.parse(await first.beacons[0].blob.text());
  assert.deepEqual(batch.map((event) => event.event_type), ["a", "b"]);
  assert.equal(first.beacons[0].blob.type, "text/plain");
  const [second] = opened(QUIET, { shared: first.shared });
  await second.pass(1_000);
  assert.deepEqual(ids(second.taken), ids(batch));
  assert.deepEqual(queues(second), []);
});

test("a beacon that the browser refuses loses nothing", async () => {
  const [first, one] = opened();
  first.env.navigator.onLine = false;
  for (let i = 0; i < 200; i++) one.track("a", { i, text: "x".repeat(500) });
  first.env.navigator.onLine = true;
  first.happen("pagehide");
  assert.ok(first.beacons.every((one) => one.blob.size <= 40_000));
  const [second] = opened(QUIET, { shared: first.shared });
  await second.pass(60_000);
  assert.deepEqual(second.taken.map((event) => event.properties.i), [...Array(200).keys()]);
});

test("a page that is hidden sends at once, and what is on its way is not sent by beacon too", async () => {
  const [browser, pulse] = opened();
  pulse.track("a");
  browser.answers = ["hangs"];
  browser.happen("visibilitychange", { visibilityState: "hidden" });
  await browser.pass(0);
  assert.equal(browser.requests.length, 1);
  browser.happen("pagehide");
  assert.equal(browser.beacons.length, 0);
  assert.equal(queues(browser).length, 1, "its answer is not known");
});

test("two tabs have a queue each, and neither takes that of the other while it lives", async () => {
  const [first, one] = opened();
  first.env.navigator.onLine = false;
  one.track("a");
  const [second, two] = opened(QUIET, { shared: first.shared });
  two.track("b");
  await second.pass(60_000);
  assert.deepEqual(second.taken.map((event) => event.event_type), ["b"]);
  assert.equal(queues(second).length, 1);
  first.env.navigator.onLine = true;
  first.happen("online");
  await first.pass(1_000);
  assert.deepEqual(first.taken.map((event) => event.event_type), ["a"]);
});

test("a tab that crashed is taken over by another one, under a lock where there are locks", async () => {
  const [first, one] = opened();
  first.env.navigator.onLine = false;
  one.track("a");
  const asked = [];
  const locks = { request: async (name, options, work) => { asked.push(options); work(asked.length > 1 ? {} : null); } };
  const [second] = opened(QUIET, { shared: first.shared, locks, at: first.wall + 200_000 });
  await second.pass(1_000);
  assert.equal(second.taken.length, 0, "another tab has the lock");
  await second.pass(70_000);
  assert.deepEqual(second.taken.map((event) => event.event_type), ["a"]);
  assert.ok(asked[0].ifAvailable);
});

test("without storage and cookies events are sent all the same", async () => {
  const [browser, pulse] = opened(QUIET, { noStorage: true, noCookies: true });
  pulse.identify("u");
  pulse.track("a");
  pulse.track("b");
  await browser.pass(5_000);
  const [a, b] = browser.taken;
  assert.equal(a.anonymous_id, b.anonymous_id);
  assert.equal(a.session_id, b.session_id);
  assert.equal(b.user_id, "u");
});

test("storage that is full loses no event of a page that stays open", async () => {
  const [browser, pulse] = opened(QUIET, { shared: { store: storage(300) } });
  browser.answers = [503];
  for (let i = 0; i < 10; i++) pulse.track("a", { i });
  await browser.pass(10_000);
  assert.equal(browser.taken.length, 10);
  assert.equal(new Set(browser.taken.map((event) => event.session_id)).size, 1);
});

test("until consent is given nothing is sent or kept, and then the last 100 are", async () => {
  const [browser, pulse] = opened({ ...QUIET, consent: "pending" });
  for (let i = 0; i < 110; i++) pulse.track("a", { i });
  browser.happen("visibilitychange", { visibilityState: "hidden" });
  browser.happen("pagehide");
  await browser.pass(60_000);
  assert.deepEqual([browser.requests.length, browser.beacons.length], [0, 0]);
  assert.deepEqual([Object.keys(browser.shared.store), browser.shared.jar], [[], {}]);
  pulse.optIn();
  await browser.pass(60_000);
  assert.deepEqual(browser.taken.map((event) => event.properties.i), [...Array(100).keys()].map((i) => i + 10));
  assert.equal(browser.shared.jar.pulse_id, browser.taken[0].anonymous_id);
});

test("who opts out is forgotten, on this page and the next, until they opt in", async () => {
  const [first, one] = opened();
  one.identify("u");
  one.track("a");
  one.optOut();
  one.track("b");
  await first.pass(60_000);
  assert.equal(first.requests.length, 0);
  assert.deepEqual([Object.keys(first.shared.store), first.shared.jar], [["pulse.consent"], {}]);
  const [second, two] = opened(QUIET, { shared: first.shared });
  two.track("c");
  await second.pass(60_000);
  assert.equal(second.requests.length, 0);
  two.optIn();
  two.track("d");
  await second.pass(60_000);
  assert.deepEqual(second.taken.map((event) => event.event_type), ["d"]);
});

test("signals of the browser mean no, unless the visitor said yes or the site ignores them", async () => {
  for (const signal of [{ globalPrivacyControl: true }, { doNotTrack: "1" }]) {
    for (const [options, shared, expected] of [
      [{}, {}, 0],
      [{ honorSignals: false }, {}, 1],
      [{}, { store: Object.assign(storage(), { "pulse.consent": "granted" }) }, 1],
    ]) {
      const browser = new Browser({ shared });
      Object.assign(browser.env.navigator, signal);
      tracker({ ...QUIET, ...options }, browser.env).track("a");
      await browser.pass(5_000);
      assert.equal(browser.taken.length, expected);
    }
  }
});

test("without cookies by choice nothing is kept, and a visitor lasts as long as the page", async () => {
  for (const options of [{ cookieless: true }, { cookieless: "denied", consent: "denied" }]) {
    const [browser, pulse] = opened({ ...QUIET, ...options });
    pulse.track("a");
    pulse.track("b");
    await browser.pass(5_000);
    const [a, b] = browser.taken;
    assert.equal(a.anonymous_id, b.anonymous_id);
    assert.deepEqual([Object.keys(browser.shared.store), browser.shared.jar], [[], {}]);
    pulse.track("c");
    browser.happen("pagehide");
    assert.equal(browser.beacons.length, 1);
  }
});

test("the collector is asked for the cookie only by who agreed, and what it set is left as it is", async () => {
  const asks = { ...QUIET, key: "k", collectorCookie: true };
  const [browser, pulse] = opened(asks);
  pulse.track("a");
  await browser.pass(5_000);
  const [first] = browser.requests;
  assert.deepEqual([first.url, first.init.credentials], ["https://c.example/v1/events?key=k&cookie=1", "include"]);
  browser.lastCookie = "that of the collector";
  const [next, two] = opened(asks, { shared: browser.shared });
  two.track("b");
  next.happen("pagehide");
  assert.equal(next.lastCookie, undefined, "a script would shorten its life");
  assert.match(next.beacons[0].url, /&cookie=1$/);
  for (const [options, words] of [
    [{}, {}],
    [{ ...asks, cookieless: true }, {}],
    [{ ...asks, consent: "denied", cookieless: "denied" }, {}],
    [{ ...asks, cookieless: "denied" }, { signal: "1" }],
  ]) {
    const other = new Browser();
    other.env.navigator.doNotTrack = words.signal;
    tracker({ endpoint: "https://c.example", ...QUIET, ...options }, other.env).track("a");
    await other.pass(5_000);
    assert.equal(other.requests[0].init.credentials, "omit");
    assert.ok(!other.requests[0].url.includes("cookie"));
  }
});

test("a cookie that the collector sets while somebody says no is removed again", async () => {
  const [browser, pulse] = opened({ ...QUIET, collectorCookie: true });
  const answer = browser.env.fetch;
  browser.env.fetch = async (...words) => {
    pulse.optOut();
    const found = await answer(...words);
    browser.shared.jar.pulse_id = browser.requests[0].body.batch[0].anonymous_id;
    return found;
  };
  pulse.track("a");
  await browser.pass(5_000);
  assert.deepEqual(browser.shared.jar, {});
});

test("a sample is of visitors, not of events, and says its rate", async () => {
  const shares = Array.from({ length: 2_000 }, (_, i) => share(`visitor-${i}`));
  assert.ok(Math.abs(shares.filter((one) => one < 0.1).length - 200) < 60);
  let sent = 0;
  for (let i = 0; i < 40; i++) {
    const [browser, pulse] = opened({ ...QUIET, sampleRate: 0.5 });
    pulse.track("a");
    pulse.track("b");
    await browser.pass(5_000);
    assert.ok([0, 2].includes(browser.taken.length));
    if (browser.taken.length) assert.equal(browser.taken[0].properties.context.sample_rate, 0.5);
    sent += browser.taken.length / 2;
  }
  assert.ok(sent > 5 && sent < 35);
});

test("pages are counted as the address changes, and once", async () => {
  const [browser] = opened({}, { path: "/a" });
  const { history } = browser.env;
  history.pushState({}, "", "/b");
  history.pushState({}, "", "/b");
  await browser.pass(600);
  history.pushState({}, "", "/b");
  history.pushState({}, "", "/b?x=1");
  browser.goTo("/a");
  browser.happen("popstate");
  await browser.pass(5_000);
  assert.deepEqual(browser.taken.map((event) => event.page), ["/a", "/b", "/b", "/b", "/a"]);
  const referrers = browser.taken.map((event) => event.properties.context.referrer);
  assert.deepEqual(referrers.slice(0, 2), ["https://search.example/find", "https://shop.example/a"]);
});

test("calls made before the script was there are played with their own times", async () => {
  const [browser, pulse] = opened();
  pulse.replay([["track", browser.wall - 3_000, ["early"]], ["no_such_call", 1, []]]);
  pulse.track("late");
  await browser.pass(5_000);
  assert.deepEqual(browser.taken.map((event) => Date.parse(event.timestamp)), [1_799_999_997_000, 1_800_000_000_000]);
});

test("the snippet's calls are taken over when the module loads", async () => {
  const browser = new Browser();
  const names = ["document", "location", "history", "addEventListener", "screen"];
  for (const name of names) globalThis[name] = browser.env[name];
  Object.defineProperty(globalThis, "navigator", { value: browser.env.navigator, configurable: true });
  globalThis.fetch = browser.env.fetch;
  globalThis.pulse = { q: [["track", Date.now() - 5, ["early"]]], options: { ...QUIET, cookieless: true } };
  await import("../pulse.js?snippet");
  assert.equal(globalThis.pulse.q, undefined);
  await globalThis.pulse.flush();
  assert.deepEqual(browser.taken.map((event) => event.event_type), ["early"]);
  for (const name of [...names, "pulse", "navigator"]) delete globalThis[name];
});

test("nothing is thrown into the page, whatever it says", async () => {
  const [browser, pulse] = opened();
  const loop = {};
  loop.loop = loop;
  for (const words of [[], [null], ["a", null], ["a", loop], ["a", { price: {} }], ["a", { big: 1n }], [Symbol("x")]]) pulse.track(...words);
  pulse.identify(Symbol("x"));
  pulse.page(5);
  browser.env.fetch = () => { throw new Error("blocked"); };
  await pulse.flush();
  assert.ok(pulse.counts.failed >= 3);
  assert.doesNotThrow(() => tracker(QUIET, { ...browser.env, addEventListener: undefined }));
});
