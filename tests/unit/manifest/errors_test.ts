import { assertEquals, assertStringIncludes } from "@std/assert";
import { parse } from "@std/yaml";
import { Manifest } from "../../../lib/manifest/manifest.ts";
import { LOCAL_HOST } from "../../../lib/egress/url.ts";
import { AGENT, BOTTLE, lineOf, makePlaces, markdown } from "./support.ts";

// So that the bottle is asked for.
const RUNS_DEV = markdown("bottle: dev");

const parseYaml: (text: string) => unknown = parse;

type Case = readonly [name: string, yaml: string, line: number | undefined, message: string];

const route = (...lines: string[]) => ["egress:", "  routes:", "    - host: a.example", ...lines].join("\n");
const repo = (...lines: string[]) => ["git-gate:", "  repos:", "    app:", ...lines].join("\n");
const URL_LINE = "      url: ssh://git@github.com/me/app.git";
const KEY_LINE = "      identity: /keys/app";
const SSH = "ssh://user@host[:port]/path";

const BOTTLE_ERRORS: readonly Case[] = [
  [
    "unknown key with a near one",
    "supervise: true\nenviron: {}",
    3,
    "environ: unknown key; allowed here: extends, env, agent_provider, egress, git-gate, supervise",
  ],
  [
    "unknown key with a suggestion",
    "\nevn:\n  A: b",
    3,
    "evn: unknown key; did you mean env? allowed here: extends,",
  ],
  [
    "old git key",
    "git:\n  user:\n    name: me",
    2,
    "git: the key `git` is no longer used; move git.user to git-gate.user (name, email) and git.remotes to " +
    "git-gate.repos.<name> (Upstream is now url, IdentityFile identity, KnownHostKey host_key)",
  ],
  ["old git key, empty", "git: {}", 2, "git: the key `git` is no longer used"],
  ["frontmatter that is a list", "- a", undefined, "must be a mapping (found a list)"],
  ["extends of a wrong type", "extends: [a]", 2, "extends: must be a string (found a list)"],
  [
    "extends of nothing",
    "extends:",
    2,
    "extends: must be a string (found nothing); fill it in or leave the key out",
  ],

  ["env of a wrong type", "env: [A]", 2, "env: must be a mapping (found a list)"],
  [
    "env number",
    "env:\n  A: x\n  PORT: 8080",
    4,
    "env.PORT: must be a string (found a number); put the value in quotes",
  ],
  [
    "env boolean",
    "env:\n  DEBUG: true",
    3,
    "env.DEBUG: must be a string (found a boolean); put the value in quotes",
  ],
  ["env null", "env:\n  A:", 3, "env.A: must be a string (found nothing)"],
  ["env name", "env:\n  1A: x", 3, "env.1A: name may hold letters, digits and _ only"],
  ["env name with a sign", "env:\n  A=B: x", 3, 'env."A=B": name may hold letters'],
  ["env host variable without a name", "env:\n  A: ${}", 3, "env.A: must name a host variable as ${NAME}"],
  [
    "env host variable with a default",
    "env:\n  A: ${B:-c}",
    3,
    "env.A: must name a host variable as ${NAME}",
  ],
  [
    "env proxy",
    "env:\n  HTTPS_PROXY: x",
    3,
    "env.HTTPS_PROXY: is set by bottle itself (proxy and CA variables, HOME, USER) and cannot be changed",
  ],
  ["env proxy, lower case", "env:\n  no_proxy: x", 3, "env.no_proxy: is set by bottle itself"],
  ["env CA", "env:\n  NODE_EXTRA_CA_CERTS: x", 3, "env.NODE_EXTRA_CA_CERTS: is set by bottle itself"],
  ["env home", "env:\n  HOME: /x", 3, "env.HOME: is set by bottle itself"],
  ["env user", "env:\n  USER: me", 3, "env.USER: is set by bottle itself"],
  ["env CA of openssl", "env:\n  SSL_CERT_FILE: x", 3, "env.SSL_CERT_FILE: is set by bottle itself"],
  ["env CA of python", "env:\n  REQUESTS_CA_BUNDLE: x", 3, "env.REQUESTS_CA_BUNDLE: is set by bottle itself"],

  [
    "provider key",
    "agent_provider:\n  tempalte: codex",
    3,
    "agent_provider.tempalte: unknown key; did you mean template?",
  ],
  [
    "provider template",
    "agent_provider:\n  template: cluade",
    3,
    'agent_provider.template: "cluade" is not one of claude, codex; did you mean claude?',
  ],
  [
    "provider template type",
    "agent_provider:\n  template: 1",
    3,
    "must be one of claude, codex (found a number)",
  ],
  [
    "provider dockerfile",
    "agent_provider:\n  dockerfile: ./Dockerfile",
    3,
    "dockerfile: must be absolute or begin with ~/",
  ],
  [
    "provider dockerfile of another user",
    "agent_provider:\n  dockerfile: ~eve/D",
    3,
    "must be absolute or begin with ~/",
  ],
  [
    "provider dockerfile that is the home",
    "agent_provider:\n  dockerfile: '~'",
    3,
    "must be absolute or begin with ~/",
  ],
  [
    "auth_token for codex",
    "agent_provider:\n  template: codex\n  auth_token: TOKEN",
    4,
    "agent_provider.auth_token: is for claude only (template is codex)",
  ],
  [
    "forward_host_credentials for claude",
    "agent_provider:\n  forward_host_credentials: true",
    3,
    "agent_provider.forward_host_credentials: is for codex only (template is claude)",
  ],
  [
    "forward_host_credentials type",
    'agent_provider:\n  template: codex\n  forward_host_credentials: "yes"',
    4,
    "agent_provider.forward_host_credentials: must be true or false (found a string)",
  ],
  [
    "auth_token that is no name",
    "agent_provider:\n  auth_token: sk-ant-123",
    3,
    "must be the name of a host environment",
  ],

  [
    "egress key",
    "egress:\n  routs: []",
    3,
    "egress.routs: unknown key; did you mean routes? allowed here: routes",
  ],
  ["routes type", "egress:\n  routes: {}", 3, "egress.routes: must be a list (found a mapping)"],
  [
    "route type",
    "egress:\n  routes:\n    - a.example",
    4,
    "egress.routes[0]: must be a mapping (found a string)",
  ],
  [
    "route without host",
    "egress:\n  routes:\n    - pipelock: {}",
    4,
    "egress.routes[0].host: is required (a string)",
  ],
  [
    "route key",
    "egress:\n  routes:\n    - host: b.example\n    - hots: a.example",
    5,
    "egress.routes[1].hots: unknown key; did you mean host? allowed here: host, path_allowlist, methods, git, auth, pipelock",
  ],
  [
    "route wildcard",
    'egress:\n  routes:\n    - host: "*.example"',
    4,
    "egress.routes[0].host: must be one exact host name",
  ],
  [
    "route scheme",
    "egress:\n  routes:\n    - host: https://a.example",
    4,
    "no wildcard, scheme, port or path",
  ],
  [
    "route port",
    "egress:\n  routes:\n    - host: a.example:443",
    4,
    "egress.routes[0].host: must be one exact host name",
  ],
  [
    "route path",
    "egress:\n  routes:\n    - host: a.example/x",
    4,
    "egress.routes[0].host: must be one exact host name",
  ],
  [
    "route host empty",
    'egress:\n  routes:\n    - host: ""',
    4,
    "egress.routes[0].host: must be one exact host name",
  ],
  ...[LOCAL_HOST, "_EGRESS.local.", "egress", "localhost", "git-gate", "Supervise"].map((host): Case => [
    `route to ${host}`,
    `egress:\n  routes:\n    - host: ${host}`,
    4,
    "egress.routes[0].host: is a name of the bundle itself; a route leads to a host outside",
  ]),
  ["route in octal", "egress:\n  routes:\n    - host: 0177.0.0.1", 4, "must be one exact host name"],
  [
    "same host in another spelling",
    route("    - host: b.example", "    - host: A.Example."),
    6,
    "egress.routes[2].host: is the same host as egress.routes[0] (a.example); a host may stand once",
  ],
  [
    "path_allowlist type",
    route("      path_allowlist: /x"),
    5,
    "path_allowlist: must be a list (found a string)",
  ],
  ["path_allowlist item type", route("      path_allowlist: [1]"), 5, "path_allowlist[0]: must be a string"],
  [
    "path_allowlist relative",
    route("      path_allowlist:", "        - /a", "        - b"),
    7,
    "path_allowlist[1]: must begin with a slash",
  ],
  ["path_allowlist dots", route("      path_allowlist: [/a/../b]"), 5, "must not have a dot segment"],
  [
    "path_allowlist query",
    route('      path_allowlist: ["/a?b"]'),
    5,
    "must be a plain path: none of % \\ ? # ;",
  ],
  [
    "path_allowlist empty",
    route("      path_allowlist: []"),
    5,
    "path_allowlist: is empty; leave it out to allow every path",
  ],
  [
    "methods type",
    route("      methods: GET"),
    5,
    "egress.routes[0].methods: must be a list (found a string)",
  ],
  [
    "methods empty",
    route("      methods: []"),
    5,
    "methods: is empty; leave it out to allow every method",
  ],
  [
    "method in lower case",
    route("      methods:", "        - GET", "        - post"),
    7,
    "methods[1]: must be in upper case: methods are compared as they stand",
  ],
  ["method twice", route("      methods: [GET, GET]"), 5, "methods[1]: stands twice"],
  [
    "method that never passes",
    route("      methods: [GET, CONNECT]"),
    5,
    "methods[1]: is never forwarded: it would open a tunnel that nobody judges",
  ],
  [
    "method TRACE",
    route("      methods: [TRACE]"),
    5,
    "methods[0]: is never forwarded: it has the server repeat",
  ],
  [
    "method that is none",
    route("      methods: [GET POST]"),
    5,
    "methods[0]: must be a request method such as GET",
  ],
  [
    "git misspelt",
    route("      git: fech"),
    5,
    'egress.routes[0].git: "fech" is not one of none, fetch; did you mean fetch?',
  ],
  ["git push", route("      git: push"), 5, 'egress.routes[0].git: "push" is not one of none, fetch'],
  ["git off", route("      git: false"), 5, "git: must be one of none, fetch (found a boolean)"],
  [
    "auth empty",
    route("      auth: {}"),
    5,
    "egress.routes[0].auth: is empty; leave it out or give scheme, token_ref",
  ],
  ["auth null", route("      auth:"), 5, "egress.routes[0].auth: must be a mapping (found nothing)"],
  [
    "auth without token_ref",
    route("      auth:", "        scheme: Bearer"),
    5,
    "auth.token_ref: is required (a string)",
  ],
  [
    "auth without scheme",
    route("      auth:", "        token_ref: T"),
    5,
    "egress.routes[0].auth.scheme: is required, one of Bearer, token",
  ],
  [
    "auth scheme",
    route("      auth:", "        scheme: bearer", "        token_ref: T"),
    6,
    'auth.scheme: "bearer" is not one of Bearer, token; did you mean Bearer?',
  ],
  [
    "auth key",
    route("      auth:", "        scheme: Bearer", "        token-ref: T"),
    7,
    "auth.token-ref: unknown key; did you mean token_ref? allowed here: scheme, token_ref",
  ],
  [
    "token_ref empty",
    route('      auth: {scheme: token, token_ref: ""}'),
    5,
    "auth.token_ref: must be the name of a host",
  ],
  ["role", route("      role: provider"), 5, "egress.routes[0].role: is reserved; leave it out"],
  ["role empty list", route("      role: []"), 5, "egress.routes[0].role: is reserved"],
  ["role null", route("      role:"), 5, "egress.routes[0].role: is reserved"],
  [
    "pipelock key",
    route("      pipelock: {tls: true}"),
    5,
    "pipelock.tls: unknown key; allowed here: tls_passthrough, ssrf_ip_allowlist",
  ],
  [
    "pipelock type",
    route("      pipelock: {tls_passthrough: yes}"),
    5,
    "tls_passthrough: must be true or false (found a string)",
  ],
  [
    "ssrf address",
    route("      pipelock: {ssrf_ip_allowlist: [a.example]}"),
    5,
    "ssrf_ip_allowlist[0]: must be an IP address or a CIDR",
  ],
  [
    "ssrf type",
    route("      pipelock: {ssrf_ip_allowlist: 10.0.0.1}"),
    5,
    "ssrf_ip_allowlist: must be a list",
  ],

  ["git-gate key", "git-gate:\n  remotes: {}", 3, "git-gate.remotes: unknown key; allowed here: user, repos"],
  [
    "git user key",
    "git-gate:\n  user:\n    username: me",
    4,
    "git-gate.user.username: unknown key; allowed here: name, email",
  ],
  ["git user type", "git-gate:\n  user: me", 3, "git-gate.user: must be a mapping (found a string)"],
  [
    "git user name type",
    "git-gate:\n  user:\n    name: 1",
    4,
    "git-gate.user.name: must be a string (found a number)",
  ],
  ["git user empty", "git-gate:\n  user: {}", 3, "git-gate.user: needs a non-empty name or email"],
  [
    "git user of empty fields",
    'git-gate:\n  user: {name: "", email: ""}',
    3,
    "git-gate.user: needs a non-empty name or email",
  ],
  [
    "git user on two lines",
    'git-gate:\n  user:\n    name: "a\\nb"',
    4,
    "git-gate.user.name: must be one line",
  ],
  ["repos type", "git-gate:\n  repos: []", 3, "git-gate.repos: must be a mapping (found a list)"],
  [
    "repo name",
    "git-gate:\n  repos:\n    a/b: {url: ssh://g@h/p, identity: /k}",
    4,
    'git-gate.repos."a/b": name may hold',
  ],
  [
    "repo name of dots",
    "git-gate:\n  repos:\n    ..: {url: ssh://g@h/p, identity: /k}",
    4,
    'git-gate.repos."..": name may',
  ],
  [
    "repo empty",
    "git-gate:\n  repos:\n    app: {}",
    4,
    "git-gate.repos.app: is empty; leave it out or give url, identity, host_key",
  ],
  ["repo without url", repo(KEY_LINE), 4, "git-gate.repos.app.url: is required (a string)"],
  ["repo without identity", repo(URL_LINE), 4, "git-gate.repos.app.identity: is required (a string)"],
  [
    "repo key",
    repo(URL_LINE, KEY_LINE, "      KnownHostKey: x"),
    7,
    "KnownHostKey: unknown key; allowed here: url, identity, host_key",
  ],
  [
    "repo host override",
    repo(URL_LINE, KEY_LINE, "      hosts: {}"),
    7,
    "git-gate.repos.app.hosts: unknown key",
  ],
  [
    "repo push empty",
    repo(URL_LINE, KEY_LINE, "      push: []"),
    7,
    "git-gate.repos.app.push: is empty; leave it out",
  ],
  [
    "repo push pattern",
    repo(URL_LINE, KEY_LINE, "      push: [agent/*, 'a..b']"),
    7,
    "git-gate.repos.app.push[1]: is not a branch name or a pattern of one, such as agent/*",
  ],
  [
    "repo push own refs",
    repo(URL_LINE, KEY_LINE, "      push: [refs/bottle/x]"),
    7,
    "git-gate.repos.app.push[0]: names refs that are the gate's own",
  ],
  ["repo force", repo(URL_LINE, KEY_LINE, "      force: maybe"), 7, "git-gate.repos.app.force: must be"],
  ["repo https", repo("      url: https://github.com/a", KEY_LINE), 5, `url: must be an ssh:// URL: ${SSH}`],
  ["repo scp form", repo("      url: git@github.com:a/b", KEY_LINE), 5, `url: must be an ssh:// URL: ${SSH}`],
  ["repo without user", repo("      url: ssh://github.com/a", KEY_LINE), 5, `url: has no user: ${SSH}`],
  ["repo without path", repo("      url: ssh://git@github.com", KEY_LINE), 5, `url: has no path: ${SSH}`],
  [
    "repo port",
    repo("      url: ssh://git@github.com:x/a", KEY_LINE),
    5,
    "url: has a port that is not a number from 1 to 65535",
  ],
  [
    "repo identity relative",
    repo(URL_LINE, "      identity: keys/app"),
    6,
    "identity: must be absolute or begin with ~/",
  ],
  [
    "repo host_key with a host",
    repo(URL_LINE, KEY_LINE, "      host_key: github.com ssh-ed25519 AAAA"),
    7,
    "host_key: must be a public host key, type and data",
  ],
  [
    "repo host_key on two lines",
    repo(URL_LINE, KEY_LINE, '      host_key: "ssh-ed25519 AAAA\\nevil.example ssh-ed25519 BBBB"'),
    7,
    "host_key: must be one line",
  ],
  ["supervise type", "supervise: 1", 2, "supervise: must be true or false (found a number)"],
];

const AGENT_ERRORS: readonly Case[] = [
  ["no bottle", "skills: []", undefined, "bottle: is required (a string)"],
  ["bottle type", "bottle: [dev]", 2, "bottle: must be a string (found a list)"],
  [
    "bottle that is not defined",
    "bottle: dve",
    2,
    'bottle: bottle "dve" is not defined; did you mean dev? bottles: dev',
  ],
  [
    "bottle of an odd name",
    'bottle: "\\e[31m"',
    2,
    'bottle: bottle "\\u{1b}[31m" is not defined; bottles: dev',
  ],
  ["skills type", "bottle: dev\nskills: a", 3, "skills: must be a list (found a string)"],
  ["skill type", "bottle: dev\nskills: [1]", 3, "skills[0]: must be a string (found a number)"],
  ["skill path", "bottle: dev\nskills:\n- ok\n- ../x", 5, "skills[1]: must be the name of one skill folder"],
  ["skill dots", 'bottle: dev\nskills: [".."]', 3, "skills[0]: must be the name of one skill folder"],
  ["skill hidden", "bottle: dev\nskills: [.git]", 3, "skills[0]: must be the name of one skill folder"],
  ["skill absolute", "bottle: dev\nskills: [/etc]", 3, "skills[0]: must be the name of one skill folder"],
  ["skill twice", "bottle: dev\nskills: [a, b, a]", 3, "skills[2]: stands twice"],
  [
    "unknown key",
    "bottle: dev\nskils: [a]",
    3,
    "skils: unknown key; did you mean skills? allowed here: bottle, skills, git-gate, name, description, model, color, memory",
  ],
  [
    "key of a bottle",
    "bottle: dev\negress: {}",
    3,
    "egress: unknown key; it is a key of bottles; an agent cannot change its bottle",
  ],
  ["env", "bottle: dev\nenv: {A: b}", 3, "env: unknown key; it is a key of bottles"],
  ["extends", "bottle: dev\nextends: a", 3, "extends: unknown key; it is a key of bottles"],
  [
    "old git key",
    "bottle: dev\ngit: {user: {name: me}}",
    3,
    "git: the key `git` is no longer used; move git.user to git-gate.user",
  ],
  [
    "repos",
    "bottle: dev\ngit-gate:\n  repos: {}",
    4,
    "git-gate.repos: is not allowed on an agent: it carries credentials and host trust; declare it on the bottle",
  ],
  [
    "git-gate key",
    "bottle: dev\ngit-gate:\n  usr: {}",
    4,
    "git-gate.usr: unknown key; did you mean user? allowed here: user",
  ],
  [
    "git user empty",
    "bottle: dev\ngit-gate: {user: {}}",
    3,
    "git-gate.user: needs a non-empty name or email",
  ],
];

Deno.test("each error of a bottle, from a file and from an object", async (t) => {
  for (const [name, yaml, line, message] of BOTTLE_ERRORS) {
    await t.step(name, async () => {
      await using places = await makePlaces({ [BOTTLE]: markdown(yaml), [AGENT]: RUNS_DEV });
      const place = `${places.root}/${BOTTLE}${line === undefined ? "" : `:${line}`}: `;
      const shown = await lineOf(() => places.resolve());
      assertEquals(shown.slice(0, place.length), place);
      assertStringIncludes(shown, message);
      const same = await lineOf(() => Manifest.fromObject({ bottles: { dev: parseYaml(yaml) } }));
      assertEquals(
        same,
        `<object>: bottles.dev${shown.slice(place.length).startsWith("must be a mapping") ? ": " : "."}${
          shown.slice(place.length)
        }`,
      );
    });
  }
});

Deno.test("each error of an agent, from a file and from an object", async (t) => {
  for (const [name, yaml, line, message] of AGENT_ERRORS) {
    await t.step(name, async () => {
      await using places = await makePlaces({ [BOTTLE]: markdown(""), [AGENT]: markdown(yaml) });
      const place = `${places.root}/${AGENT}${line === undefined ? "" : `:${line}`}: `;
      const shown = await lineOf(() => places.resolve());
      assertEquals(shown.slice(0, place.length), place);
      assertStringIncludes(shown, message);
      const object = { bottles: { dev: {} }, agents: { demo: parseYaml(yaml) } };
      const same = await lineOf(() => Manifest.fromObject(object));
      // The object has one key more.
      const expected = shown.slice(place.length).replace("color, memory", "color, memory, prompt");
      assertEquals(same, `<object>: agents.demo.${expected}`);
    });
  }
});

const FILE_ERRORS: readonly [name: string, content: string, message: string][] = [
  ["empty file", "", ":1: has no frontmatter; a manifest begins with a line `---`"],
  ["no frontmatter", "# Title\n", ":1: has no frontmatter"],
  ["open frontmatter", "---\nenv: {}\n", ":1: the frontmatter is not closed; end it with a line `---`"],
  [
    "duplicate key",
    markdown("supervise: true\nenv: {}\nsupervise: false"),
    ':4: "supervise" stands twice in one mapping',
  ],
  ["duplicate env", markdown("env:\n  A: x\n  B: y\n  A: z"), ':5: "A" stands twice in one mapping'],
  [
    "duplicate repo",
    markdown(`${repo(URL_LINE, KEY_LINE)}\n    app: {}`),
    ':7: "app" stands twice in one mapping',
  ],
  ["duplicate key in flow style", markdown("env: {A: x, A: y}"), ":2: "],
  ["bad YAML", markdown('env:\n  A: "x\n'), ": is not valid YAML: "],
  ["tab", markdown("env:\n\tA: x"), ":3: is indented with a tab; use spaces"],
  ["tab after spaces", markdown("env:\n  A: x\n  \tB: y"), ":4: is indented with a tab"],
  ["unknown tag", markdown("env: !!js/function x"), ":2: is not valid YAML: "],
  ["merge key", markdown("<<: {supervise: true}"), '"<<": unknown key'],
  ["prototype", markdown("__proto__: {supervise: true}"), "has a key `__proto__`, which is not allowed"],
  ["prototype inside", markdown("env: {__proto__: x}"), "has a key `__proto__`, which is not allowed"],
  ["nesting", markdown(`env: ${"[".repeat(30_000)}`), "is nested too deep"],
  ["cycle", markdown("env: &a {A: *a}"), "is nested more than 32 levels deep"],
  ["long frontmatter", markdown(`# ${"x".repeat(70_000)}`), "the frontmatter is longer than 64 KiB"],
];

Deno.test("each error of a file that cannot be parsed", async (t) => {
  for (const [name, content, message] of FILE_ERRORS) {
    await t.step(name, async () => {
      await using places = await makePlaces({ [BOTTLE]: content, [AGENT]: RUNS_DEV });
      const shown = await lineOf(() => places.resolve());
      assertStringIncludes(shown, `${places.root}/${BOTTLE}`);
      assertStringIncludes(shown, message);
      assertEquals(shown.includes("\n"), false);
    });
  }
});

Deno.test("aliases that multiply are refused before anything walks them", async () => {
  const levels = Array.from(
    { length: 9 },
    (_, i) => `a${i + 1}: &a${i + 1} [${Array(9).fill(`*a${i}`).join(", ")}]`,
  );
  await using places = await makePlaces({
    [BOTTLE]: markdown(["a0: &a0 [x]", ...levels].join("\n")),
    [AGENT]: RUNS_DEV,
  });
  const start = performance.now();
  assertStringIncludes(await lineOf(() => places.resolve()), "the frontmatter holds more than 20000 values");
  assertEquals(performance.now() - start < 5000, true);
});

Deno.test("a credential written where its variable's name belongs is not shown", async () => {
  const token = `ghp_${"a1B2".repeat(9)}`;
  for (
    const yaml of [
      route(`      auth: {scheme: token, token_ref: ${token}}`),
      route(`      auth: {scheme: token, token_ref: "Bearer ${token}"}`),
      `agent_provider:\n  auth_token: ${token}`,
      `env:\n  HTTPS_PROXY: http://user:${token}@proxy`,
      repo(`      url: ssh://git:${token}@github.com/a/b`, KEY_LINE),
      `env:\n  A: "${token}\nB: x`,
      `env:\n  A: ${token}\n  A: ${token}`,
    ]
  ) {
    await using places = await makePlaces({ [BOTTLE]: markdown(yaml), [AGENT]: RUNS_DEV });
    const shown = await lineOf(() => places.resolve());
    assertEquals(shown.includes(token), false, shown);
  }
});

Deno.test("`prompt` in a Markdown agent points to the text below the frontmatter", async () => {
  await using places = await makePlaces({
    [BOTTLE]: markdown(""),
    [AGENT]: markdown("bottle: dev\nprompt: hi"),
  });
  assertStringIncludes(
    await lineOf(() => places.resolve()),
    "demo.md:3: prompt: unknown key; the text below the frontmatter is the prompt",
  );
});
