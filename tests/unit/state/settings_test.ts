import { assert, assertEquals, assertRejects } from "@std/assert";
import { OperatorError } from "../../../lib/errors.ts";
import { loadSettings, placeOf, type Settings } from "../../../lib/state/settings.ts";
import { withHome } from "./folder.ts";

type Env = Readonly<Record<string, string>>;

const DEFAULTS: Settings = { extraHosts: [], containerHome: "/home/node", guestHome: "/home/node" };

async function load(env: Env, config?: string | Uint8Array): Promise<Settings> {
  let settings: Settings | undefined;
  await withHome(async (home) => {
    if (config !== undefined) {
      await Deno.mkdir(`${home}/.bot-bottle`);
      const bytes = typeof config === "string" ? new TextEncoder().encode(config) : config;
      await Deno.writeFile(`${home}/.bot-bottle/config.yaml`, bytes);
    }
    settings = JSON.parse(JSON.stringify(await loadSettings(env, home)).replaceAll(home, "HOME"));
  });
  return settings!;
}

const GOOD: readonly [string, Env, string | undefined, Partial<Settings>][] = [
  ["nothing set", {}, undefined, {}],
  ["an empty file", {}, "# nothing yet\n", {}],
  ["the environment", { BOT_BOTTLE_BACKEND: "smolmachines" }, undefined, { backend: "smolmachines" }],
  ["the file", {}, "BOT_BOTTLE_BACKEND: smolmachines\n", {
    backend: "smolmachines",
    places: { BOT_BOTTLE_BACKEND: "HOME/.bot-bottle/config.yaml: BOT_BOTTLE_BACKEND" },
  }],
  ["the environment wins", { BOT_BOTTLE_IMAGE: "a:1" }, "BOT_BOTTLE_IMAGE: b:2\n", { image: "a:1" }],
  ["an empty variable is not set", { BOT_BOTTLE_IMAGE: "" }, "BOT_BOTTLE_IMAGE: b:2\n", {
    image: "b:2",
    places: { BOT_BOTTLE_IMAGE: "HOME/.bot-bottle/config.yaml: BOT_BOTTLE_IMAGE" },
  }],
  ["a home path", { BOT_BOTTLE_EXTRA_CA: "~/ca.pem" }, undefined, { extraCa: "HOME/ca.pem" }],
  ["an absolute path", { BOT_BOTTLE_EXTRA_CA: "/etc/ca.pem" }, undefined, { extraCa: "/etc/ca.pem" }],
  ["a guest home", { BOT_BOTTLE_CONTAINER_HOME: "/home/me/" }, undefined, { containerHome: "/home/me" }],
  [
    "extra hosts, canonical",
    { BOT_BOTTLE_EXTRA_HOSTS: "API.Example.com=10.0.0.1, b.test=FD00::01," },
    undefined,
    { extraHosts: [{ name: "api.example.com", ip: "10.0.0.1" }, { name: "b.test", ip: "fd00::1" }] },
  ],
];

for (const [title, env, config, expected] of GOOD) {
  Deno.test(`settings: ${title}`, async () => {
    assertEquals(await load(env, config), { ...DEFAULTS, ...expected });
  });
}

const DIGEST = `sha256:${"0a".repeat(32)}`;

for (
  const image of [
    "a",
    "bot-bottle-claude:latest",
    "docker.io/library/node:24-bookworm-slim",
    "localhost:5000/team/agent",
    "Registry.Example.com/a__b/c.d-e_f:V1.2_3",
    "[::1]:5000/a",
    `ghcr.io/a/b@${DIGEST}`,
    `a:1@${DIGEST}`,
    DIGEST,
  ]
) {
  Deno.test(`settings: the image ${image}`, async () => {
    assertEquals((await load({ BOT_BOTTLE_DENO_IMAGE: image })).denoImage, image);
  });
}

for (
  const image of [
    "UPPER:x",
    "a@b",
    "::",
    "a:",
    "a//b",
    "/a",
    "a/",
    "-a",
    "a b",
    "a:b:c",
    "https://a/b",
    "a/B",
    "a@sha256:12",
  ]
) {
  Deno.test(`settings are refused: the image ${image}`, async () => {
    for (const name of ["", "BASE_", "PIPELOCK_", "GITLEAKS_", "DENO_"]) {
      const error = await assertRejects(
        () => load({ [`BOT_BOTTLE_${name}IMAGE`]: image }),
        OperatorError,
      ) as OperatorError;
      assertEquals(
        error.line,
        `BOT_BOTTLE_${name}IMAGE: '${image}' is not valid; ` +
          "write an image as [registry/]name[:tag][@digest], the name in lower case",
      );
    }
  });
}

Deno.test("settings: an image of any length is judged at once", async () => {
  const start = performance.now();
  await assertRejects(() => load({ BOT_BOTTLE_IMAGE: "a-".repeat(20_000) + "!" }), OperatorError);
  assert(performance.now() - start < 2000);
});

Deno.test("settings: a message names the variable, or the file and its key", async () => {
  const file = "BOT_BOTTLE_BACKEND: a\nBOT_BOTTLE_EXTRA_CA: /ca.pem\n";
  const settings = await load({ BOT_BOTTLE_BACKEND: "b" }, file);
  assertEquals(placeOf(settings, "BOT_BOTTLE_BACKEND"), "BOT_BOTTLE_BACKEND");
  assertEquals(
    placeOf(settings, "BOT_BOTTLE_EXTRA_CA"),
    "HOME/.bot-bottle/config.yaml: BOT_BOTTLE_EXTRA_CA",
  );
});

for (
  const path of [
    "/etc",
    "/root/",
    "/usr",
    "/bin",
    "/var",
    "/proc",
    "/sys",
    "/dev",
    "/run",
    "/tmp",
    "/proc/1",
    "/sys/x",
    "/dev/shm",
    "/etc/a/b",
  ]
) {
  Deno.test(`settings are refused: a guest home at ${path}`, async () => {
    for (const name of ["BOT_BOTTLE_CONTAINER_HOME", "BOT_BOTTLE_GUEST_HOME"]) {
      const error = await assertRejects(() => load({ [name]: path }), OperatorError) as OperatorError;
      assertEquals(
        error.line,
        `${name}: '${path}' is not valid; it is the guest's system's; name a folder of its own, like /home/node`,
      );
    }
  });
}

const BAD: readonly [string, Env, string | Uint8Array | undefined, readonly string[]][] = [
  ["an unknown key", {}, "BOT_BOTTLE_BAKEND: x\n", ["config.yaml", "did you mean BOT_BOTTLE_BACKEND?"]],
  ["a key that is like none", {}, "colour: x\n", ["colour is not a setting", "known: BOT_BOTTLE_BACKEND,"]],
  ["a wrong type", {}, "BOT_BOTTLE_IMAGE: 3\n", ["BOT_BOTTLE_IMAGE must be a string"]],
  ["a list", {}, "- a\n", ["the top level must be a map"]],
  ["broken YAML", {}, "a: [\n", [
    "config.yaml:2: is not valid YAML: Cannot read flow collection: unexpected end of the stream within a flow collection",
  ]],
  ["a line that is no mapping", {}, "BOT_BOTTLE_IMAGE: a\nb: c: d\n", ["config.yaml:2: is not valid YAML: "]],
  ["a duplicate key", {}, "BOT_BOTTLE_IMAGE: a\nBOT_BOTTLE_IMAGE: b\n", [
    'config.yaml:2: "BOT_BOTTLE_IMAGE" stands twice in one mapping',
  ]],
  ["nothing after a key", {}, "BOT_BOTTLE_IMAGE:\n", [
    "config.yaml: BOT_BOTTLE_IMAGE is empty; fill it in or leave it out",
  ]],
  ["bytes", {}, new Uint8Array([0x61, 0xff]), ["config.yaml is not UTF-8 text"]],
  ["an image in the file", {}, "BOT_BOTTLE_IMAGE: 'A:1'\n", [
    "config.yaml: BOT_BOTTLE_IMAGE: 'A:1' is not valid",
  ]],
  ["a guest home in the file", {}, "BOT_BOTTLE_CONTAINER_HOME: /etc\n", [
    "config.yaml: BOT_BOTTLE_CONTAINER_HOME: '/etc' is not valid",
  ]],
  ["a relative CA", { BOT_BOTTLE_EXTRA_CA: "ca.pem" }, undefined, ["BOT_BOTTLE_EXTRA_CA: 'ca.pem'"]],
  ["a relative CA in the file", {}, "BOT_BOTTLE_EXTRA_CA: ca.pem\n", ["config.yaml: BOT_BOTTLE_EXTRA_CA:"]],
  ["a guest home that climbs", { BOT_BOTTLE_GUEST_HOME: "/home/../etc" }, undefined, ["absolute path in"]],
  ["the guest's root", { BOT_BOTTLE_CONTAINER_HOME: "/" }, undefined, ["absolute path in the guest"]],
  ["a host without address", { BOT_BOTTLE_EXTRA_HOSTS: "a.test" }, undefined, ["'a.test'", "name=ip"]],
  ["a host that is an address", { BOT_BOTTLE_EXTRA_HOSTS: "1.2.3.4=1.2.3.4" }, undefined, [
    "not a host name",
  ]],
  ["a bad address", { BOT_BOTTLE_EXTRA_HOSTS: "a.test=1.2.3" }, undefined, ["not an IP address"]],
  ["a host twice", { BOT_BOTTLE_EXTRA_HOSTS: "a.test=1.1.1.1,A.test=1.1.1.2" }, undefined, ["given twice"]],
  ["an image with a line break", { BOT_BOTTLE_IMAGE: "a\nb" }, undefined, ["'a\\nb' is not valid"]],
];

for (const [title, env, config, expected] of BAD) {
  Deno.test(`settings are refused: ${title}`, async () => {
    const error = await assertRejects(() => load(env, config), OperatorError) as OperatorError;
    for (const part of expected) assert(error.line.includes(part), error.line);
    assert(!error.line.includes("\n") && !error.line.endsWith(":"), error.line);
  });
}
