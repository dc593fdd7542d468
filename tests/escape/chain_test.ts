/** Invariant 3: everything that leaves goes through egress, then pipelock; without either nothing leaves. */

import { assert, assertEquals } from "@std/assert";
import { containerLogs } from "../../backends/docker/engine/containers.ts";
import { resourceName } from "../../backends/docker/names.ts";
import { launchBottle } from "../support/bottle.ts";
import { type Lab, startLab } from "../support/lab.ts";
import { API_HOST, UPLOAD_HOST } from "../support/lab_manifests.ts";
import { sabotage } from "../support/sabotage.ts";
import { reaching } from "../support/attempts.ts";
import { tryWall } from "../support/walls.ts";

async function logOf(lab: Lab, container: string): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const { bytes } of containerLogs(lab.engine, container)) {
    text += decoder.decode(bytes, { stream: true });
  }
  return text;
}

Deno.test("what leaves passes egress and pipelock, and nothing leaves without them", async (t) => {
  await using lab = await startLab();
  await using launched = await launchBottle(lab, "claude");
  const { bottle, plan, gateway } = launched;
  const bundle = resourceName(plan.identity, "bundle");
  const curl = async (url: string) =>
    (await bottle.exec(`curl -sS -m 4 -w ' [%{http_code}]' ${url} 2>&1`, { user: "node" })).stdout;

  await t.step("both have seen it", async () => {
    for (const host of [API_HOST, UPLOAD_HOST]) {
      const path = `/v1/seen-${crypto.randomUUID()}`;
      assert((await curl(`https://${host}${path}`)).includes(`echo GET ${path}`));
      const has = (text: string, daemon: string, what: string) =>
        text.split("\n").some((line) => line.startsWith(`[${daemon}]`) && line.includes(what));
      // The lines are written behind the answer.
      let text = "";
      for (let left = 40; left > 0; left--) {
        text = await logOf(lab, bundle);
        if (has(text, "egress", path) && has(text, "pipelock", host)) break;
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
      assert(has(text, "egress", path), text);
      assert(has(text, "pipelock", host), text);
    }
  });

  await t.step("without pipelock: 502, and the service hears nothing", async () => {
    await sabotage(lab.engine, ["kill-daemon", bundle, "pipelock"]);
    const before = (await lab.requests()).length;
    for (
      const url of [`https://${API_HOST}/v1/x`, `http://${UPLOAD_HOST}/x`, "https://api.anthropic.com/v1/x"]
    ) {
      const output = await curl(url);
      assert(output.includes("[502]"), `${url}: ${output}`);
    }
    assertEquals((await lab.requests()).length, before);
  });

  await t.step("without egress: no network at all, and the walls stand", async () => {
    await sabotage(lab.engine, ["kill-daemon", bundle, "egress"]);
    assert(!(await curl(`https://${API_HOST}/v1/x`)).includes("echo"));
    for (const wall of reaching({ address: lab.address, gateway, bundle: gateway })) {
      const { held, output } = await tryWall(bottle, wall);
      assert(held, `${wall.attempt}: ${output}`);
    }
  });

  await t.step("without the bundle too", async () => {
    await sabotage(lab.engine, ["remove-container", bundle]);
    assert(!(await curl(`https://${API_HOST}/v1/x`)).includes("echo"));
    for (const wall of reaching({ address: lab.address, gateway, bundle: gateway })) {
      const { held, output } = await tryWall(bottle, wall);
      assert(held, `${wall.attempt}: ${output}`);
    }
  });
});
