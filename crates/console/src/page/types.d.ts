/* What the page's parts tell each other. Only read by the compiler that checks them; nothing of it is in the page. */

/** A cluster's line in the table, as the stream tells it; `view.rs` writes it. With the groups in full once it is looked at. */
interface Cluster {
  key: string;
  namespace: string;
  resource: string;
  name: string;
  account: string;
  region: string;
  phase: string | null;
  says: string | null;
  ready: boolean;
  version: string | null;
  endpoint: string | null;
  imported: boolean;
  stopped?: boolean;
  asleep?: boolean;
  /** It is a record only: nothing runs. */
  recorded?: boolean;
  /** It has deletion protection. */
  protected?: boolean;
  created: string | null;
  nodes: { ready: number; desired: number };
  groups: any[];
}

/** What identifies a cluster to the EKS API. */
type Place = Pick<Cluster, 'account' | 'region' | 'name'> & Partial<Cluster>;

/** One cluster with all that belongs to it, as `view.rs` answers. */
interface Found {
  summary: Cluster;
  spec: any;
  /** ARN of who made it with the EKS API. */
  creator: string | null;
  status: any;
  conditions: any[] | null;
  nodegroups: any[];
  addons: any[];
  access: any[];
  podIdentity: any[];
  identityProviders: any[];
  fargate: any[];
  updates: any[];
  events: any[];
  calls: any[];
}

/** What the stream tells; `more` is how many clusters its next news tell of. */
interface News { changed: Cluster[]; gone: string[]; more?: number }

/** A column of the table of clusters. */
interface Column { title: string; by: (cluster: Cluster) => string | number; look?: string }

/** Keys that requests are signed with. */
interface Keys { id: string; secret: string; token?: string; account?: string }

/** How a request is made. */
interface Asked {
  body?: unknown;
  world?: { account?: string; region?: string };
  stream?: boolean;
  as?: Keys | null;
}

/** An error with what the page knows of it. */
interface Refusal extends Error {
  /** The status of the server's answer. */
  status?: number;
  /** It is about who asked. */
  denied?: boolean;
  /** It may be over in some seconds. */
  soon?: boolean;
  /** The field that it is about, as a path. */
  at?: string;
  /** What is to be said before it. */
  before?: string;
  /** The way to what is there in spite of it. */
  link?: HTMLElement;
}

type Option = string | { value: string; text: string } | { group: string; options: string[] };

/** A labelled field, and any attribute of its control. */
interface Field {
  label: string;
  name: string;
  options?: Option[];
  hint?: string;
  list?: string[];
  type?: string;
  members?: string;
  value?: string;
  allowed?: string;
  [attribute: string]: unknown;
}

/** What a field's value can be read and written of. */
type Control = HTMLInputElement & { dataset: { members: string; allowed?: string; told?: string; was?: string } };

type Child = Node | string | null | undefined | false;

/** A tab of a cluster. */
interface Tab { id: string; title: string; order: number; view: (properties: { found: Found; refresh: () => Promise<void> }) => unknown }

/** The SHA-256 of a text, in hexadecimal. */
declare function sha256(text: string): string;

/** Preact and htm, which make elements of templates. */
declare const htmPreact: {
  html: (strings: TemplateStringsArray, ...values: unknown[]) => any;
  render: (what: unknown, where: Element) => void;
  useEffect: (effect: () => (() => void) | void | undefined, of?: unknown[]) => void;
  useErrorBoundary: (tell: (error: Error) => void) => [Error | undefined, () => void];
  useLayoutEffect: (effect: () => void, of?: unknown[]) => void;
  useMemo: <T>(make: () => T, of: unknown[]) => T;
  useRef: <T = any>(initial?: T) => { current: T };
  useState: <T = any>(initial: T) => [T, (next: T | ((before: T) => T)) => void];
};

interface Document {
  addEventListener(type: 'news', listen: (event: CustomEvent<{ changed: string[]; gone: string[]; first: boolean }>) => void): void;
}
