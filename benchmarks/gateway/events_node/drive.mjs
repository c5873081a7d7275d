// One SDK of JavaScript, unmodified, that sends numbered events: node drive.mjs SDK PORT KEY USER COUNT MODULES
//
// MODULES is a folder in which `npm install @segment/analytics-node @segment/analytics-next jsdom @rudderstack/rudder-sdk-node
// cloudevents` was run; these packages are no part of the project. The SDK for browsers runs in a page of jsdom. The exit code is 1 when
// the SDK gave events up.
import { createRequire } from "node:module";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";

const [sdk, port, key, user, count, modules] = process.argv.slice(2);
const load = createRequire(join(modules, "package.json"));
const host = `http://127.0.0.1:${port}`;
const product = { product_id: "p" };
let givenUp = 0;

const senders = {
  async segment() {
    const { Analytics } = load("@segment/analytics-node");
    const analytics = new Analytics({ writeKey: key, host, flushAt: 10, flushInterval: 50, maxRetries: 10 });
    analytics.on("error", () => (givenUp += 1));
    for (let number = 0; number < Number(count); number++) {
      analytics.track({ userId: user, event: "Product Viewed", properties: product, messageId: `${user}-${number}` });
    }
    await analytics.closeAndFlush({ timeout: 60_000 });
  },

  async browser() {
    const { JSDOM } = load("jsdom");
    const page = new JSDOM("<!doctype html><script></script>", { url: "https://shop.example/", pretendToBeVisual: true }).window;
    page.fetch = globalThis.fetch;
    for (const name of ["document", "localStorage", "sessionStorage", "location", "history", "screen", "navigator", "HTMLElement", "Event", "CustomEvent"]) {
      Object.defineProperty(globalThis, name, { value: page[name], configurable: true, writable: true });
    }
    globalThis.window = page;
    const { AnalyticsBrowser } = load("@segment/analytics-next");
    const place = { apiKey: key, apiHost: `127.0.0.1:${port}/v1`, protocol: "http" };
    const analytics = AnalyticsBrowser.load({ writeKey: key, cdnSettings: { integrations: { "Segment.io": place } } });
    for (let number = 0; number < Number(count); number++) {
      await analytics.track("Product Viewed", product, { userId: user, messageId: `${user}-${number}` });
    }
    // It sends what failed again after a while, and says nothing of it.
    await wait(6_000);
  },

  async rudder() {
    const RudderAnalytics = load("@rudderstack/rudder-sdk-node");
    const analytics = new RudderAnalytics(key, { dataPlaneUrl: host, flushAt: 10, flushInterval: 50 });
    for (let number = 0; number < Number(count); number++) {
      analytics.track({ userId: user, event: "Product Viewed", properties: product, messageId: `${user}-${number}` });
    }
    await analytics.flush();
    await wait(3_000);
    await analytics.flush();
  },

  async cloud() {
    const { CloudEvent, HTTP } = load("cloudevents");
    for (let number = 0; number < Number(count); number++) {
      const id = `${user}-${number}`;
      const made = new CloudEvent({ id, source: "/shop", type: "segment.track", subject: user, time: "2025-01-01T00:00:00Z",
        data: { event: "Product Viewed", properties: product } });
      const message = number % 2 ? HTTP.binary(made) : HTTP.structured(made);
      const headers = { ...message.headers, authorization: `Bearer ${key}` };
      let tries = 0;
      for (; tries < 10; tries++) {
        try {
          if ((await fetch(`${host}/v1/events`, { method: "POST", headers, body: message.body })).status === 200) break;
        } catch {
          // The connection broke; nobody knows whether it was done.
        }
        await wait(50);
      }
      givenUp += tries === 10;
    }
  },
};

await senders[sdk]();
process.exit(givenUp ? 1 : 0);
