/** The docker backend: the engine's HTTP API over its unix socket, no docker command line. */

import type { ActiveBottle, Backend, Bottle, CleanupItem, Progress } from "../../lib/bottle/contracts.ts";
import type { BottlePlan, BottleSpec } from "../../lib/bottle/plan.ts";
import { prepareBottle } from "../../lib/bottle/prepare.ts";
import { OperatorError } from "../../lib/errors.ts";
import type { DockerContext } from "./context.ts";
import { Engine } from "./engine/engine.ts";
import { findSocket, hostSearch } from "./engine/socket.ts";
import { atEdge } from "./engine/errors.ts";
import { engineFacts } from "./engine/system.ts";
import { homeDigest } from "./names.ts";

/** The host that the backend works for. */
export interface DockerHost {
  /** Operator's home folder. */
  readonly home: string;
  readonly env: Readonly<Record<string, string>>;
}

/** Makes the docker backend. Nothing is dialled before it is needed. */
export function dockerBackend(host: DockerHost): Backend {
  return new DockerBackend(host);
}

class DockerBackend implements Backend {
  readonly name = "docker";
  readonly #host: DockerHost;
  #context: Promise<DockerContext> | undefined;

  constructor(host: DockerHost) {
    this.#host = host;
  }

  async isAvailable(): Promise<boolean> {
    try {
      await this.#connect();
      return true;
    } catch (error) {
      if (error instanceof OperatorError) return false;
      throw error;
    }
  }

  async preflight(_plan: BottlePlan): Promise<void> {
    const { facts } = await this.#connect();
    if (facts.osType !== "linux") {
      throw new OperatorError(`the docker engine runs ${facts.osType} containers; bottle needs Linux ones`, {
        mend: "switch the engine to Linux containers",
      });
    }
    if (!facts.seccomp) {
      throw new OperatorError(
        "the docker engine confines containers by no seccomp profile; the sandbox would be weaker than promised",
        { mend: "use an engine and a kernel with seccomp, and its default profile (not unconfined)" },
      );
    }
  }

  async prepare(spec: BottleSpec): Promise<BottlePlan> {
    return await prepareBottle(spec, this.name, spec.settings.containerHome);
  }

  async launch(plan: BottlePlan, progress: Progress, signal: AbortSignal): Promise<Bottle> {
    const { launch } = await import("./launch.ts");
    return await launch(await this.#connect(), plan, progress, signal);
  }

  async enumerateActive(): Promise<readonly ActiveBottle[]> {
    const { enumerateActive } = await import("./cleanup.ts");
    return await enumerateActive(await this.#connect());
  }

  async prepareCleanup(): Promise<readonly CleanupItem[]> {
    const { prepareCleanup } = await import("./cleanup.ts");
    return await prepareCleanup(await this.#connect());
  }

  async cleanup(items: readonly CleanupItem[]): Promise<readonly { item: CleanupItem; reason: string }[]> {
    const { cleanup } = await import("./cleanup.ts");
    return await cleanup(await this.#connect(), items);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const context = await this.#context?.catch(() => undefined);
    context?.engine.close();
  }

  /** Connects once; a failure is tried again the next time. */
  #connect(): Promise<DockerContext> {
    this.#context ??= this.#dial().catch((error) => {
      this.#context = undefined;
      throw error;
    });
    return this.#context;
  }

  async #dial(): Promise<DockerContext> {
    const { home, env } = this.#host;
    const socket = findSocket(hostSearch(env, home));
    const [engine, digest] = await Promise.all([
      Engine.connect(socket.path),
      homeDigest(home),
    ]);
    const facts = await atEdge("asking for the engine's facts", engineFacts(engine));
    return { engine, facts, hostHome: home, hostEnv: env, home: digest };
  }
}
