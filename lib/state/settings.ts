/** The operator's settings: environment variables of the same name win over `~/.bot-bottle/config.yaml` (SPEC 10). */

import { OperatorError } from "../errors.ts";
import { escapeUntrusted } from "../escape.ts";
import { canonicalHost } from "../net/host_name.ts";
import { parseIp } from "../net/ip.ts";
import { homePaths, stateError } from "./paths.ts";
import { knownNames } from "./known_names.ts";

/** A name that the bundle resolves to a fixed address. */
export interface ExtraHost {
  /** Canonical host name. */
  readonly name: string;
  /** Canonical address. */
  readonly ip: string;
}

/** Settings after merging, each absent when neither source sets it. */
export interface Settings {
  /** BOT_BOTTLE_BACKEND @default "docker" */
  readonly backend?: string;
  /** BOT_BOTTLE_EXTRA_CA: absolute path of a PEM file. */
  readonly extraCa?: string;
  /** BOT_BOTTLE_EXTRA_HOSTS: `name=ip,…` */
  readonly extraHosts: readonly ExtraHost[];
  /** BOT_BOTTLE_IMAGE: replaces the agent image. */
  readonly image?: string;
  /** BOT_BOTTLE_BASE_IMAGE */
  readonly baseImage?: string;
  /** BOT_BOTTLE_PIPELOCK_IMAGE */
  readonly pipelockImage?: string;
  /** BOT_BOTTLE_GITLEAKS_IMAGE */
  readonly gitleaksImage?: string;
  /** BOT_BOTTLE_DENO_IMAGE */
  readonly denoImage?: string;
  /** BOT_BOTTLE_GIT_MAX_PUSH_MIB: most bytes of one push through the git gate. @default 2 GiB */
  readonly gitMaxPushBytes?: number;
  /** BOT_BOTTLE_CONTAINER_HOME @default "/home/node" */
  readonly containerHome: string;
  /** BOT_BOTTLE_GUEST_HOME @default "/home/node" */
  readonly guestHome: string;
  /** Where each setting that the file sets stands, by name; absent when it sets none that is in force. */
  readonly places?: Readonly<Record<string, string>>;
}

/** Default home folder in a guest. */
const DEFAULT_HOME = "/home/node";

/** Folders of a guest that its system needs as they are; of the trees nothing below is a home either. */
const SYSTEM_TREES = ["/dev", "/etc", "/proc", "/sys"];
const SYSTEM_FOLDERS = [
  ...SYSTEM_TREES,
  ...["/bin", "/boot", "/lib", "/lib64", "/root", "/run", "/sbin", "/tmp", "/usr", "/var"],
];

/** Every setting: its variable, which is also its key in the file. */
const NAMES = [
  "BOT_BOTTLE_BACKEND",
  "BOT_BOTTLE_EXTRA_CA",
  "BOT_BOTTLE_EXTRA_HOSTS",
  "BOT_BOTTLE_IMAGE",
  "BOT_BOTTLE_BASE_IMAGE",
  "BOT_BOTTLE_PIPELOCK_IMAGE",
  "BOT_BOTTLE_GITLEAKS_IMAGE",
  "BOT_BOTTLE_DENO_IMAGE",
  "BOT_BOTTLE_GIT_MAX_PUSH_MIB",
  "BOT_BOTTLE_CONTAINER_HOME",
  "BOT_BOTTLE_GUEST_HOME",
] as const;

type SettingName = typeof NAMES[number];

/** A setting as written, and where, for messages. */
interface Written {
  readonly value: string;
  readonly where: string;
}

/**
 * Reads the operator's settings: a variable of the environment wins over the key of that name in
 * `~/.bot-bottle/config.yaml`. An empty value counts as not set.
 *
 * @throws {OperatorError} naming the variable, or the file and its key
 */
export async function loadSettings(
  env: Readonly<Record<string, string>>,
  home: string,
): Promise<Settings> {
  const file = await readConfig(homePaths(home).config);
  const written = (name: SettingName): Written | undefined => {
    const value = env[name];
    if (value !== undefined && value !== "") return { value, where: name };
    return file[name];
  };
  const image = (name: SettingName): string | undefined => checked(written(name), imageReference)?.value;
  return definedOnly({
    backend: checked(written("BOT_BOTTLE_BACKEND"), plainText)?.value,
    extraCa: checked(written("BOT_BOTTLE_EXTRA_CA"), (at) => hostPath(at, home))?.value,
    extraHosts: extraHosts(written("BOT_BOTTLE_EXTRA_HOSTS")),
    image: image("BOT_BOTTLE_IMAGE"),
    baseImage: image("BOT_BOTTLE_BASE_IMAGE"),
    pipelockImage: image("BOT_BOTTLE_PIPELOCK_IMAGE"),
    gitleaksImage: image("BOT_BOTTLE_GITLEAKS_IMAGE"),
    denoImage: image("BOT_BOTTLE_DENO_IMAGE"),
    gitMaxPushBytes: mebibytes(written("BOT_BOTTLE_GIT_MAX_PUSH_MIB")),
    containerHome: checked(written("BOT_BOTTLE_CONTAINER_HOME"), guestPath)?.value ?? DEFAULT_HOME,
    guestHome: checked(written("BOT_BOTTLE_GUEST_HOME"), guestPath)?.value ?? DEFAULT_HOME,
    places: placesOf(NAMES.map((name) => [name, written(name)])),
  });
}

/** How a message names a setting: the file and its key, or the variable. @param name the setting's variable */
export function placeOf(settings: Settings, name: string): string {
  return settings.places?.[name] ?? name;
}

function placesOf(
  all: readonly (readonly [SettingName, Written | undefined])[],
): Readonly<Record<string, string>> | undefined {
  const inFile = all.flatMap(([name, written]) =>
    written === undefined || written.where === name ? [] : [[name, written.where] as const]
  );
  return inFile.length === 0 ? undefined : Object.fromEntries(inFile);
}

/** Settings of the file, by name. An absent file sets nothing. */
async function readConfig(path: string): Promise<Partial<Record<SettingName, Written>>> {
  let bytes: Uint8Array;
  try {
    bytes = await Deno.readFile(path);
  } catch (cause) {
    if (cause instanceof Deno.errors.NotFound) return {};
    throw stateError("cannot read", path, cause);
  }
  const where = escapeUntrusted(path);
  // Loaded only when there is a file to read.
  const { parseYaml } = await import("../manifest/yaml.ts");
  const yaml = parseYaml(textOf(bytes, where), where, 1);
  if (yaml === null || yaml === undefined) return {};
  if (typeof yaml !== "object" || Array.isArray(yaml)) {
    throw new OperatorError(`${where}: the top level must be a map of settings`);
  }
  const settings: Partial<Record<SettingName, Written>> = {};
  for (const [key, value] of Object.entries(yaml)) {
    const name = NAMES.find((known) => known === key);
    if (name === undefined) {
      throw new OperatorError(`${where}: ${escapeUntrusted(key)} is not a setting`, {
        mend: knownNames(key, NAMES),
      });
    }
    if (value === null) {
      throw new OperatorError(`${where}: ${name} is empty`, { mend: "fill it in or leave it out" });
    }
    if (typeof value !== "string") {
      throw new OperatorError(`${where}: ${name} must be a string`, { mend: "put it in quotes" });
    }
    if (value !== "") settings[name] = { value, where: `${where}: ${name}` };
  }
  return settings;
}

function textOf(bytes: Uint8Array, where: string): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw new OperatorError(`${where} is not UTF-8 text`);
  }
}

function checked(written: Written | undefined, check: (at: Written) => string): Written | undefined {
  return written === undefined ? undefined : { value: check(written), where: written.where };
}

function plainText(at: Written): string {
  if (/^[\x21-\x7e]+$/.test(at.value)) return at.value;
  throw bad(at, "it must be one word of plain characters");
}

// The parts of a reference as the engine's own grammar has them (distribution/reference).
const REGISTRY = "(?:[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?|\\[[0-9A-Fa-f:]+\\])(?::[0-9]+)?";
const PART = "[a-z0-9]+(?:(?:\\.|_|__|-+)[a-z0-9]+)*";
const IMAGE = new RegExp(
  `^(?:${REGISTRY}/)?${PART}(?:/${PART})*(?::[A-Za-z0-9_][A-Za-z0-9_.-]{0,127})?(?:@[A-Za-z0-9]+:[0-9A-Fa-f]{32,})?$`,
);

function imageReference(at: Written): string {
  if (IMAGE.test(at.value)) return at.value;
  throw bad(at, "write an image as [registry/]name[:tag][@digest], the name in lower case");
}

/** An absolute path on the host; `~` is the operator's home. */
function hostPath(at: Written, home: string): string {
  const { value } = at;
  if (value === "~" || value.startsWith("~/")) return home + value.slice(1);
  if (value.startsWith("/")) return value;
  throw bad(at, "it must be an absolute path or begin with ~/");
}

/** An absolute path in the guest that is one plain folder below the root. */
function guestPath(at: Written): string {
  const path = at.value.length > 1 ? at.value.replace(/\/$/, "") : at.value;
  const names = path.slice(1).split("/");
  const plain = names.every((name) => /^[A-Za-z0-9._-]+$/.test(name) && name !== "." && name !== "..");
  if (!path.startsWith("/") || !plain) throw bad(at, "it must be an absolute path in the guest");
  if (SYSTEM_FOLDERS.includes(path) || SYSTEM_TREES.some((tree) => path.startsWith(`${tree}/`))) {
    throw bad(at, `it is the guest's system's; name a folder of its own, like ${DEFAULT_HOME}`);
  }
  return path;
}

/** A number of MiB, as bytes. */
function mebibytes(written: Written | undefined): number | undefined {
  if (written === undefined) return undefined;
  const count = /^[0-9]{1,7}$/.test(written.value) ? Number(written.value) : 0;
  if (count < 1) throw bad(written, "it must be a whole number of MiB, from 1 to 9999999");
  return count * 1024 * 1024;
}

function extraHosts(written: Written | undefined): readonly ExtraHost[] {
  if (written === undefined) return [];
  const hosts: ExtraHost[] = [];
  for (const part of written.value.split(",").map((text) => text.trim()).filter((text) => text !== "")) {
    const equals = part.indexOf("=");
    if (equals < 0) throw bad({ ...written, value: part }, "write it as name=ip,…");
    const name = canonicalHost(part.slice(0, equals).trim());
    const ip = parseIp(part.slice(equals + 1).trim());
    const named = { ...written, value: part };
    if (name === undefined || parseIp(name) !== undefined) throw bad(named, "the name is not a host name");
    if (ip === undefined) throw bad(named, "the address is not an IP address");
    if (hosts.some((host) => host.name === name)) throw bad(named, "the name is given twice");
    hosts.push({ name, ip: ip.text });
  }
  return hosts;
}

function bad(at: Written, mend: string): OperatorError {
  return new OperatorError(`${at.where}: '${escapeUntrusted(at.value)}' is not valid`, { mend });
}

/** Absent stays absent instead of being present as undefined. */
function definedOnly<T extends object>(record: T): T {
  for (const key of Object.keys(record) as (keyof T)[]) {
    if (record[key] === undefined) delete record[key];
  }
  return record;
}
