import { assertEquals } from "@std/assert";
import { join } from "@std/path";
import { AGENT, BOTTLE, makePlaces, markdown } from "./support.ts";

const PARENT = "home/.bot-bottle/bottles/base.md";

const ROUTES = `egress:
  routes:
    # the first
    - host: API.Example.
      methods: [GET]

    - path_allowlist:
        - /v1
      host: b.example
    - { host: c.example, git: none }`;

const CASES: readonly {
  title: string;
  bottle: string;
  parent?: string;
  list: string | undefined;
  routes: Readonly<Record<string, string | undefined>>;
}[] = [
  {
    title: "in the bottle's own file",
    bottle: ROUTES,
    list: "dev.md:3 egress.routes",
    routes: {
      "api.example": "dev.md:5 egress.routes[0]",
      "api.example methods": "dev.md:6 egress.routes[0].methods",
      // A key that is not there: its route's line.
      "api.example git": "dev.md:5 egress.routes[0].git",
      "b.example": "dev.md:8 egress.routes[1]",
      "b.example path_allowlist": "dev.md:8 egress.routes[1].path_allowlist",
      "c.example": "dev.md:11 egress.routes[2]",
      "c.example git": "dev.md:11 egress.routes[2].git",
      "d.example": undefined,
    },
  },
  {
    title: "in the one that it extends",
    bottle: "extends: base\nsupervise: false",
    parent: ROUTES,
    list: "base.md:3 egress.routes",
    routes: { "b.example": "base.md:8 egress.routes[1]", "d.example": undefined },
  },
  {
    title: "in its own, which replaces the parent's whole",
    bottle: "extends: base\negress:\n  routes:\n  - host: d.example",
    parent: ROUTES,
    list: "dev.md:4 egress.routes",
    routes: { "d.example": "dev.md:5 egress.routes[0]", "b.example": undefined },
  },
  {
    title: "in flow style, by the line of the key around",
    bottle: "egress: {routes: [\n  {host: a.example},\n  {host: b.example}\n]}",
    list: "dev.md:2 egress.routes",
    routes: { "b.example": "dev.md:2 egress.routes[1]" },
  },
  { title: "nowhere", bottle: "supervise: false", list: undefined, routes: { "b.example": undefined } },
];

for (const { title, bottle, parent, list, routes } of CASES) {
  Deno.test(`routes are declared ${title}`, async () => {
    await using places = await makePlaces({
      [BOTTLE]: markdown(bottle),
      [AGENT]: markdown("bottle: dev"),
      ...parent !== undefined && { [PARENT]: markdown(parent) },
    });
    const manifest = await places.load();
    const found = manifest.routePlaces(manifest.resolve("demo").bottle);
    const shown = (place: ReturnType<typeof found.list>) => {
      if (place === undefined) return undefined;
      const folder = join(places.home, ".bot-bottle/bottles/");
      return `${place.file.replace(folder, "")}:${place.line} ${place.key}`;
    };
    assertEquals(shown(found.list()), list);
    for (const [asked, expected] of Object.entries(routes)) {
      const [host, key] = asked.split(" ");
      assertEquals(shown(found.route(host!, key)), expected, asked);
    }
  });
}
