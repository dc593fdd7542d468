import { assert, assertEquals, assertRejects } from "@std/assert";
import { OperatorError } from "../../../lib/errors.ts";
import { loadSettings, type Settings } from "../../../lib/state/settings.ts";
import { withHome } from "./folder.ts";

type Env = Readonly<Record<string, string>>;

const DEFAULTS: Settings = { extraHosts: [], containerHome: "/home/node", guestHome: "/home/node" };

async function load(env: Env, config?: string): Promise<Settings> {
  let settings: Settings | undefined;
  await withHome(async (home) => {
    if (config !== undefined) {
      await Deno.mkdir(`${home}/.bot-bottle`);
      await Deno.writeTextFile(`${home}/.bot-bottle/config.yaml`, config);
    }
    const loaded = await loadSettings(env, home);
    settings = loaded.extraCa === undefined
      ? loaded
      : { ...loaded, extraCa: loaded.extraCa.replace(home, "HOME") };
  });
  return settings!;
}

const GOOD: readonly [string, Env, string | undefined, Partial<Settings>][] = [
  ["nothing set", {}, undefined, {}],
  ["an empty file", {}, "# nothing yet\n", {}],
  ["the environment", { BOT_BOTTLE_BACKEND: "smolmachines" }, undefined, { backend: "smolmachines" }],
  ["the file", {}, "BOT_BOTTLE_BACKEND: smolmachines\n", { backend: "smolmachines" }],
  ["the environment wins", { BOT_BOTTLE_IMAGE: "a:1" }, "BOT_BOTTLE_IMAGE: b:2\n", { image: "a:1" }],
  ["an empty variable is not set", { BOT_BOTTLE_IMAGE: "" }, "BOT_BOTTLE_IMAGE: b:2\n", { image: "b:2" }],
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

const BAD: readonly [string, Env, string | undefined, readonly string[]][] = [
  ["an unknown key", {}, "BOT_BOTTLE_BAKEND: x\n", ["config.yaml", "did you mean BOT_BOTTLE_BACKEND?"]],
  ["a key that is like none", {}, "colour: x\n", ["colour is not a setting", "known: BOT_BOTTLE_BACKEND,"]],
  ["a wrong type", {}, "BOT_BOTTLE_IMAGE: 3\n", ["BOT_BOTTLE_IMAGE must be a string"]],
  ["a list", {}, "- a\n", ["the top level must be a map"]],
  ["broken YAML", {}, "a: [\n", ["config.yaml is not YAML"]],
  ["a duplicate key", {}, "BOT_BOTTLE_IMAGE: a\nBOT_BOTTLE_IMAGE: b\n", ["config.yaml is not YAML"]],
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
    assert(!error.line.includes("\n"), error.line);
  });
}
