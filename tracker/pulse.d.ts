/** Where events go and what a visitor has agreed to. */
export interface Options {
  /** The collector's origin, such as "https://events.shop.example". Empty: the page's own. */
  endpoint?: string;
  /** The write key, where the collector asks for one. */
  key?: string;
  /** What holds until `optIn` or `optOut` is called. `pending` keeps up to 100 events in memory and sends nothing. */
  consent?: "granted" | "pending" | "denied";
  /** Global Privacy Control and Do Not Track mean `denied`, unless this is false. */
  honorSignals?: boolean;
  /** true: keeps nothing in the browser, for anybody. "denied": so for those who denied, in place of silence. */
  cookieless?: boolean | "denied";
  /** Domain of the cookie, to know a visitor again on sub-domains. */
  cookieDomain?: string;
  /** true: the collector sets the cookie too (its PULSE_COLLECTOR_COOKIE is `readable`), so that no browser shortens its life. */
  collectorCookie?: boolean;
  /** Share of visitors whose events are sent, from 0 to 1. */
  sampleRate?: number;
  /** false: `page` is not called for the first page. */
  autoPage?: boolean;
  /** false: `page` is not called when the page changes its address by itself. */
  spa?: boolean;
}

/** What an event says. The first four go to the event's metadata, the rest to its properties. */
export interface Data {
  product_id?: string | number;
  category?: string;
  price?: number;
  search_query?: string;
  /** Added to what the tracker says of the page. */
  context?: Record<string, unknown>;
  [name: string]: unknown;
}

export interface Tracker {
  /** The visitor looks at this page. */
  page(data?: Data): void;
  /** The visitor did this: page_view, product_view, search, add_to_cart, remove_from_cart, checkout, payment, button_click, form_submit, video_play, or a name of your own. */
  track(type: string, data?: Data): void;
  /** The visitor is this user from now on. */
  identify(userId: string | number | null): void;
  /** The user left: whoever comes next is another visitor. */
  reset(): void;
  optIn(): void;
  /** Sends nothing more, and forgets what was not sent and who the visitor is. */
  optOut(): void;
  /** Sends what waits, now. */
  flush(): Promise<void>;
  /** Events that were given up, and attempts that failed. */
  readonly counts: { dropped: number; failed: number };
}

/** A tracker for this page. None of its methods throws. */
export function tracker(options?: Options, env?: unknown): Tracker;
