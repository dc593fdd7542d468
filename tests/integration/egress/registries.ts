/** Package registries of the smallest kind: two npm packages, one of which needs the other, and one wheel. */

import { createHash } from "node:crypto";
import { packTar } from "../../../backends/docker/engine/tar.ts";

const text = (status: number, body: string) => new Response(body, { status });

/** Answers npm: packuments and tarballs, to whoever brings the token. */
export async function npmRegistry(token: string): Promise<Deno.ServeHandler> {
  const packages = new Map([
    await npmPackage(
      "small-package",
      { "small-dependency": "^1.0.0" },
      "module.exports = require('small-dependency') + 1;\n",
    ),
    await npmPackage("small-dependency", {}, "module.exports = 41;\n"),
  ]);
  return (request) => {
    const { pathname } = new URL(request.url);
    if (request.headers.get("authorization") !== `Bearer ${token}`) return text(401, "who is asking?");
    const [, name = "", dash] = pathname.split("/");
    const found = packages.get(name);
    if (found === undefined) return text(404, "{}");
    return dash === undefined ? Response.json(found.packument) : new Response(found.tarball);
  };
}

async function npmPackage(name: string, dependencies: Record<string, string>, code: string) {
  const version = "1.0.0";
  const manifest = { name, version, main: "index.js", dependencies };
  const file = (path: string, content: string) =>
    ({ type: "file", path, content, mode: 0o644, uid: 0, gid: 0 }) as const;
  const tar = packTar([
    file("package/package.json", JSON.stringify(manifest)),
    file("package/index.js", code),
  ]);
  const zipped = new Response(tar).body!.pipeThrough(new CompressionStream("gzip"));
  const tarball = new Uint8Array(await new Response(zipped).arrayBuffer());
  const dist = {
    tarball: `https://npm.test/${name}/-/${name}-${version}.tgz`,
    integrity: `sha512-${createHash("sha512").update(tarball).digest("base64")}`,
  };
  const packument = {
    name,
    "dist-tags": { latest: version },
    versions: { [version]: { ...manifest, dist } },
  };
  return [name, { packument, tarball }] as const;
}

/** Writes a wheel with Python's own zip module, and answers pip: the simple index and the file (PEP 503). */
export async function pypiIndex(python: string, folder: string): Promise<Deno.ServeHandler> {
  const name = "small_package-1.0-py3-none-any.whl";
  const script = `
import sys, zipfile
with zipfile.ZipFile(sys.argv[1], "w", zipfile.ZIP_DEFLATED) as wheel:
    info = "small_package-1.0.dist-info/"
    wheel.writestr("small_package.py", "ANSWER = 42\\n")
    wheel.writestr(info + "METADATA", "Metadata-Version: 2.1\\nName: small-package\\nVersion: 1.0\\n")
    wheel.writestr(info + "WHEEL", "Wheel-Version: 1.0\\nGenerator: test\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
    wheel.writestr(info + "RECORD", "small_package.py,,\\n" + info + "METADATA,,\\n" + info + "WHEEL,,\\n" + info + "RECORD,,\\n")
`;
  const { success, stderr } = await new Deno.Command(python, { args: ["-c", script, `${folder}/${name}`] })
    .output();
  if (!success) throw new Error(new TextDecoder().decode(stderr));
  const wheel = await Deno.readFile(`${folder}/${name}`);
  const hash = createHash("sha256").update(wheel).digest("hex");
  const page = `<!DOCTYPE html><html><body><a href="/files/${name}#sha256=${hash}">${name}</a></body></html>`;
  return (request) => {
    const { pathname } = new URL(request.url);
    if (pathname === "/simple/small-package/") {
      return new Response(page, { headers: { "content-type": "text/html" } });
    }
    if (pathname === `/files/${name}`) return new Response(wheel);
    return text(404, "no such package");
  };
}
