import { assert, assertEquals, assertRejects } from "@std/assert";
import { checkCall, runBottle, type RunOutcome, type RunTalk } from "../../../lib/bottle/lifecycle.ts";
import type { AgentCall } from "../../../lib/bottle/contracts.ts";
import type { BottlePlan } from "../../../lib/bottle/plan.ts";
import { OperatorError } from "../../../lib/errors.ts";
import { isHeld } from "../../../lib/state/lock.ts";
import { readMetadata, writeMetadata } from "../../../lib/state/metadata.ts";
import { makeStateFolders, statePaths } from "../../../lib/state/paths.ts";
import { isPreserved, markPreserved } from "../../../lib/state/preserve.ts";
import { snapshot, withHome } from "../state/folder.ts";
import { FakeBackend, type FakeOptions, type FakeStep } from "./fake_backend.ts";
import { ID, makePlan, PROVIDER } from "./plans.ts";

/** What a test says about a run. */
interface Run extends FakeOptions {
  readonly answer?: boolean;
  readonly plan?: never;
  readonly fields?: Partial<BottlePlan>;
  readonly call?: Partial<AgentCall>;
  readonly signal?: AbortSignal;
  readonly assumeYes?: boolean;
  readonly secret?: string;
}

/** What a run left to look at. */
interface Records {
  readonly backend: FakeBackend;
  readonly shown: string[];
  readonly asked: string[];
  readonly warnings: string[];
  readonly outcome: Promise<RunOutcome>;
}

function run(home: string, options: Run = {}): Records {
  const { plan: _none, ...fake } = options;
  const backend = new FakeBackend({ status: 0, ...fake });
  const [shown, asked, warnings]: [string[], string[], string[]] = [[], [], []];
  const talk: RunTalk = {
    show: (text) => void shown.push(text),
    confirm: (question) => {
      asked.push(question);
      return Promise.resolve(options.answer ?? true);
    },
    askSecret: (name, text) => {
      asked.push(`${name}: ${text}`);
      return Promise.resolve(options.secret ?? "s3cret");
    },
    progress: { step() {}, detail() {}, tail() {}, warn: (text) => void warnings.push(text) },
    beforeAttach() {},
  };
  const outcome = runBottle({
    backend,
    plan: makePlan(options.fields),
    call: { args: [], resume: false, remoteControl: false, ...options.call },
    home,
    talk,
    assumeYes: options.assumeYes ?? false,
    signal: options.signal ?? new AbortController().signal,
    now: Date.UTC(2026, 0, 2),
  });
  return { backend, shown, asked, warnings, outcome };
}

/** Nothing of a bottle is left: not on the engine, not on the disk. */
async function assertNothingLeft(home: string, backend: FakeBackend): Promise<void> {
  assertEquals([...backend.resources], []);
  const state = `${home}/.bot-bottle/state`;
  const folders = await Array.fromAsync(Deno.readDir(state)).catch(() => []);
  assertEquals(folders, []);
}

async function keepBottle(home: string, preserved = true): Promise<void> {
  await makeStateFolders(statePaths(home, ID));
  await writeMetadata(home, {
    identity: ID,
    agentName: "dev",
    backend: "docker",
    cwd: "/src",
    copyCwd: false,
    startedAt: "2025-01-01T00:00:00.000Z",
  });
  await Deno.writeTextFile(statePaths(home, ID).transcript, "saved");
  if (preserved) await markPreserved(home, ID);
}

Deno.test("a run: preflight, question, launch, the agent's status, nothing left", () =>
  withHome(async (home) => {
    const { backend, outcome, shown, asked } = run(home, { status: 7, call: { args: ["-p", "hi"] } });
    assertEquals(await outcome, { kind: "ended", status: 7, preserved: false });
    assert(shown[0]!.startsWith("agent "), shown[0]);
    assertEquals(asked, ["Start this bottle?"]);
    assertEquals(backend.argv, ["claude", "-p", "hi"]);
    assertEquals(backend.calls, [
      "preflight",
      "enumerate",
      "launch: network",
      "launch: container",
      "launched",
      "attach",
      "close",
    ]);
    await assertNothingLeft(home, backend);
  }));

Deno.test("while the agent runs its state is there: folder, metadata, held lock", () =>
  withHome(async (home) => {
    const { outcome } = run(home, {
      at: async (step) => {
        if (step !== "attach") return;
        assertEquals(await isHeld(home, ID), true);
        assertEquals(await readMetadata(home, ID), {
          identity: ID,
          agentName: "dev",
          backend: "docker",
          cwd: "/src/project",
          copyCwd: false,
          startedAt: "2026-01-02T00:00:00.000Z",
        });
      },
    });
    assertEquals((await outcome).kind, "ended");
    assertEquals(await isHeld(home, ID), false);
  }));

Deno.test("N leaves nothing, and nothing was made", () =>
  withHome(async (home) => {
    const before = await snapshot(home);
    const { backend, outcome } = run(home, { answer: false });
    assertEquals(await outcome, { kind: "declined" });
    assertEquals(await snapshot(home), before);
    assertEquals(backend.calls, ["preflight", "enumerate"]);
  }));

Deno.test("--yes asks nothing but what the manifest asks, and the answers reach the launch", () =>
  withHome(async (home) => {
    const { backend, outcome, asked } = run(home, {
      assumeYes: true,
      fields: { env: { KEY: { kind: "prompt", text: "the key" } } },
    });
    await outcome;
    assertEquals(asked, ["KEY: the key"]);
    const env = backend.launched[0]!.env.KEY!;
    assertEquals(env.kind === "value" ? env.value.reveal() : env.text, "s3cret");
  }));

Deno.test("an empty answer stops the start before anything is made", () =>
  withHome(async (home) => {
    const fields: Partial<BottlePlan> = { env: { KEY: { kind: "prompt", text: "the key" } } };
    const { backend, outcome } = run(home, { secret: "", fields });
    await assertRejects(() => outcome, OperatorError, "no value was given for KEY");
    assertEquals(await snapshot(home), []);
    assertEquals(backend.launched, []);
  }));

const STEPS: readonly FakeStep[] = [
  "preflight",
  "enumerate",
  "launch: network",
  "launch: container",
  "launched",
  "attach",
];

for (const failing of STEPS) {
  Deno.test(`a failure at "${failing}" is the error, and nothing is left`, () =>
    withHome(async (home) => {
      const fault = new OperatorError(`it broke at ${failing}`);
      const { backend, outcome, warnings } = run(home, {
        at: (step) => {
          if (step === failing) throw fault;
        },
      });
      assertEquals(await outcome.catch((error) => error), fault);
      assertEquals(warnings, []);
      await assertNothingLeft(home, backend);
    }));

  Deno.test(`an interrupt at "${failing}" is the error, and nothing is left`, () =>
    withHome(async (home) => {
      const controller = new AbortController();
      const interrupt = new Error("interrupted");
      const { backend, outcome } = run(home, {
        // The agent would run for ever.
        status: undefined,
        signal: controller.signal,
        at: (step) => {
          if (step === failing) controller.abort(interrupt);
        },
      });
      assertEquals(await outcome.catch((error) => error), interrupt);
      await assertNothingLeft(home, backend);
    }));
}

Deno.test("an interrupt wins over the error that it causes on its way", () =>
  withHome(async (home) => {
    const controller = new AbortController();
    const interrupt = new Error("interrupted");
    const { backend, outcome } = run(home, {
      signal: controller.signal,
      at: (step) => {
        if (step !== "launch: container") return;
        controller.abort(interrupt);
        throw new TypeError("connection closed");
      },
    });
    assertEquals(await outcome.catch((error) => error), interrupt);
    await assertNothingLeft(home, backend);
  }));

Deno.test("a teardown that fails never hides the first error", () =>
  withHome(async (home) => {
    const fault = new OperatorError("the agent broke");
    const { outcome, warnings } = run(home, {
      at: (step) => {
        if (step === "attach") throw fault;
        if (step === "close") throw new Error("the network stayed");
      },
    });
    assertEquals(await outcome.catch((error) => error), fault);
    assertEquals(warnings, ["the teardown failed too: the network stayed"]);
  }));

Deno.test("a teardown that fails after a good run is the error", () =>
  withHome(async (home) => {
    const { outcome } = run(home, {
      at: (step) => {
        if (step === "close") throw new OperatorError("the network stayed");
      },
    });
    await assertRejects(() => outcome, OperatorError, "the network stayed");
    assertEquals(await isHeld(home, ID), false);
  }));

Deno.test("a preserved bottle keeps its state and its conversation", () =>
  withHome(async (home) => {
    const { outcome, backend } = run(home, {
      at: async (step) => {
        if (step === "attach") await markPreserved(home, ID);
      },
    });
    assertEquals(await outcome, { kind: "ended", status: 0, preserved: true });
    const { transcript } = statePaths(home, ID);
    assertEquals(await Deno.readTextFile(transcript), "tar of /home/node/.claude/projects");
    assertEquals((await Deno.stat(transcript)).mode! & 0o777, 0o600);
    assertEquals(backend.calls.slice(-3), ["attach", "copyOut", "close"]);
    assertEquals(await isHeld(home, ID), false);
  }));

Deno.test("a conversation that cannot be saved is a warning; the bottle is closed and kept", () =>
  withHome(async (home) => {
    const { outcome, backend, warnings } = run(home, {
      at: async (step) => {
        if (step === "attach") await markPreserved(home, ID);
        if (step === "copyOut") throw new Error("no such container");
      },
    });
    assertEquals((await outcome).kind, "ended");
    assertEquals(warnings, [`the conversation of ${ID} was not saved: no such container`]);
    assertEquals([...backend.resources], []);
    assertEquals(await isPreserved(home, ID), true);
  }));

Deno.test("a resume clears the marker, and its state goes when the agent ends", () =>
  withHome(async (home) => {
    await keepBottle(home);
    const { outcome, backend } = run(home, {
      call: { resume: true },
      at: async (step) => {
        if (step === "attach") assertEquals(await isPreserved(home, ID), false);
      },
    });
    assertEquals(await outcome, { kind: "ended", status: 0, preserved: false });
    await assertNothingLeft(home, backend);
  }));

for (const preserved of [true, false]) {
  Deno.test(`a resume that does not come up keeps what it came from (${preserved ? "kept" : "killed"})`, () =>
    withHome(async (home) => {
      await keepBottle(home, preserved);
      const { outcome } = run(home, {
        call: { resume: true },
        at: (step) => {
          if (step === "launch: container") throw new OperatorError("no image");
        },
      });
      await assertRejects(() => outcome, OperatorError, "no image");
      assertEquals(await Deno.readTextFile(statePaths(home, ID).transcript), "saved");
      assertEquals(await isPreserved(home, ID), preserved);
    }));
}

Deno.test("a resume removes what its killed forerunner left on the backend, and not its state", () =>
  withHome(async (home) => {
    await keepBottle(home, false);
    const { outcome, backend } = run(home, {
      call: { resume: true },
      leftovers: [
        { identity: ID, kind: "container", name: `bot-bottle-${ID}` },
        { identity: "other-00000", kind: "container", name: "bot-bottle-other-00000" },
      ],
    });
    await outcome;
    assert(backend.calls.includes(`cleanup bot-bottle-${ID}`), backend.calls.join("; "));
  }));

Deno.test("orphans of other bottles are named at a start", () =>
  withHome(async (home) => {
    const { outcome, warnings } = run(home, {
      active: [
        { identity: "old-00000", backend: "docker", orphan: true, daemons: [] },
        { identity: "live-00000", backend: "docker", orphan: false, daemons: [] },
      ],
    });
    await outcome;
    assertEquals(warnings.length, 1);
    assert(warnings[0]!.includes("old-00000") && warnings[0]!.includes("bottle cleanup"), warnings[0]);
  }));

Deno.test("the same bottle does not run twice", () =>
  withHome(async (home) => {
    await keepBottle(home);
    let second: Promise<unknown> | undefined;
    const { outcome } = run(home, {
      call: { resume: true },
      at: async (step) => {
        if (step !== "attach") return;
        second = run(home, { call: { resume: true } }).outcome.catch((error) => error);
        await second;
      },
    });
    await outcome;
    const refused = await second;
    assert(refused instanceof OperatorError && refused.message.includes("in use"), String(refused));
  }));

Deno.test("a resume that waited while its bottle ended finds nothing, and leaves nothing", () =>
  withHome(async (home) => {
    await keepBottle(home);
    await Deno.remove(statePaths(home, ID).dir, { recursive: true });
    const { outcome, backend } = run(home, { call: { resume: true } });
    await assertRejects(() => outcome, OperatorError, `bottle ${ID} is gone`);
    await assertNothingLeft(home, backend);
  }));

Deno.test("remote control is refused where the provider has none, as a usage error", () => {
  const call: AgentCall = { args: [], resume: false, remoteControl: true };
  checkCall(makePlan({ provider: { ...PROVIDER, remoteControlArgs: ["--remote-control"] } }), call);
  let refused: unknown;
  try {
    checkCall(makePlan(), call);
  } catch (error) {
    refused = error;
  }
  assertEquals(refused instanceof OperatorError && refused.status, 2);
});
