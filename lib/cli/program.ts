/** The command tree: declarations only. Each action is imported when it runs, so that `--help` stays fast. */

import { Command } from "@commander-js/extra-typings";
import { OperatorError } from "../errors.ts";
import { escapeUntrusted } from "../escape.ts";
import { knownNames } from "../state/known_names.ts";
import type { CliHost } from "./host.ts";

/** What parsing a command line leads to. */
export interface Program {
  /** Parses and runs. @throws what the action throws, and commander's own errors */
  run(argv: readonly string[]): Promise<number>;
}

const EXAMPLES = `
Examples:
  bottle init                            write an example bottle and agent
  bottle start dev                       run the agent 'dev' in its bottle
  bottle start dev --cwd                 give it a copy of the current folder
  bottle start dev --yes -- -p "hello"   what stands after -- goes to the agent program
  bottle start dev --dry-run             show what would be done
  bottle list                            show the active bottles`;

const AFTER_DASHES = "\nWhat stands after -- goes to the agent program as it is.\n\nExamples:\n";

const EXPLAIN_HELP = `
Exit status: 0 when the request would be forwarded, 1 when it would be refused.

Examples:
  bottle policy explain dev GET https://api.github.com/repos/me/project
  bottle policy explain dev POST "https://github.com/me/project.git/git-upload-pack" --json`;

/**
 * Declares the commands.
 *
 * @param host the process that the actions work on
 * @param agentArgs what stood after `--` on the command line
 */
export function makeProgram(host: CliHost, agentArgs: readonly string[]): Program {
  const root = new Command("bottle")
    .description("Run a coding agent, its permission prompts off, in a sandbox that makes that safe.")
    .version(host.version, "--version", "show the version")
    .helpOption("-h, --help", "show help")
    .helpCommand("help [command]", "show help for a command")
    .exitOverride()
    .showSuggestionAfterError(true)
    .configureOutput({
      writeOut: (text) => host.output.print(text),
      writeErr: (text) => host.output.trace(text.trimEnd()),
      outputError: (text) => host.output.error(usageLine(text)),
    })
    .addHelpText("after", EXAMPLES);
  // `-p` and a prompt are meant for the agent program more often than they are mistyped.
  const agentOutput = {
    outputError: (text: string) => {
      const line = usageLine(text);
      const stray = /^(unknown option (?!.*Did you mean)|too many arguments)/.test(line);
      host.output.error(
        stray ? `${line.replace(/\.$/, "")}; what is for the agent program goes after --` : line,
      );
    },
  };
  let status = 0;
  const ran = async (action: Promise<number>): Promise<void> => {
    status = await action;
  };

  root.command("start").summary("run an agent in a bottle")
    .description("Show what an agent's bottle may reach, ask, then run the agent in it.")
    .argument("<AGENT>", "agent manifest to run")
    .option("--cwd", "copy the current folder into the bottle and work there")
    .option("--backend <NAME>", "where to run it (BOT_BOTTLE_BACKEND, else docker)")
    .option("--dry-run", "show what would be done, and do nothing")
    .option("--yes", "do not ask before the start")
    .option("--remote-control", "let the agent be controlled from elsewhere, where it can be")
    .usage("[options] AGENT [-- ARGS...]")
    .configureOutput(agentOutput)
    .addHelpText("after", `${AFTER_DASHES}  bottle start dev --cwd\n  bottle start dev --yes -- -p "hello"`)
    .action((agent, options) =>
      ran(import("./start.ts").then(({ start }) => start(host, agent, { ...options, args: agentArgs })))
    );

  root.command("resume").summary("run a bottle again that was kept")
    .description("Run a bottle again that was kept when its agent ended, with its conversation.")
    .argument("<IDENTITY>", "identity of the bottle")
    .option("--dry-run", "show what would be done, and do nothing")
    .option("--yes", "do not ask before the start")
    .option("--remote-control", "let the agent be controlled from elsewhere, where it can be")
    .usage("[options] IDENTITY [-- ARGS...]")
    .configureOutput(agentOutput)
    .addHelpText("after", `${AFTER_DASHES}  bottle resume dev-x7k2q`)
    .action((identity, options) =>
      ran(import("./resume.ts").then(({ resume }) => resume(host, identity, { ...options, args: agentArgs })))
    );

  root.command("list").summary("show the active bottles")
    .description("Show the active bottles, the oldest first.")
    .option("--json", "as JSON, for programs")
    .action((options) => ran(import("./list.ts").then(({ list }) => list(host, options))));

  root.command("info").summary("show what an agent's manifests say")
    .description("Show an agent and its bottle as the manifests declare them. No credential is read.")
    .argument("<AGENT>", "agent manifest to show")
    .option("--json", "as JSON, for programs")
    .action((agent, options) => ran(import("./info.ts").then(({ info }) => info(host, agent, options))));

  const policy = root.command("policy").summary("explain what egress lets pass")
    .description("What the bottle's manifests let pass, without a running bottle.");

  policy.command("explain").summary("what would come of a request")
    .description(
      "Say what egress would answer to a request of an agent: verdict, rule, and the line of the manifest that " +
        "decides. The same decision as in the bottle, from the manifests alone; no credential is read.",
    )
    .argument("<AGENT>", "agent manifest")
    .argument("<METHOD>", "request method, compared as it stands")
    .argument("<URL>", "http:// or https:// URL, or host:port with CONNECT")
    .option("--json", "as JSON, for programs")
    .addHelpText("after", EXPLAIN_HELP)
    .action((agent, method, url, options) =>
      ran(import("./policy.ts").then(({ explain }) => explain(host, agent, method, url, options)))
    );

  root.command("cleanup").summary("remove what killed bottles left behind")
    .description("Find what is left of bottles whose process is gone, ask, and remove it.")
    .option("--yes", "do not ask before the removal")
    .action((options) => ran(import("./cleanup.ts").then(({ cleanup }) => cleanup(host, options))));

  root.command("init").summary("write an example bottle and agent")
    .description("Write a commented example bottle and agent to ~/.bot-bottle. Nothing is overwritten.")
    .action(() => ran(import("./init.ts").then(({ init }) => init(host))));

  root.command("completions").summary("print a completion script")
    .description("Print a completion script for a shell: bash, zsh or fish.")
    .argument("<SHELL>", "bash, zsh or fish")
    .addHelpText(
      "after",
      '\nExamples:\n  eval "$(bottle completions bash)"' +
        "\n  bottle completions fish > ~/.config/fish/completions/bottle.fish",
    )
    .action((shell) =>
      ran(import("./completions.ts").then(({ completions }) => completions(host, shell, commandTable(root))))
    );

  return {
    async run(argv: readonly string[]): Promise<number> {
      refuseUnknownHelp(argv, root.commands.map((command) => command.name()));
      await root.parseAsync([...argv], { from: "user" });
      return status;
    },
  };
}

/** commander answers `help strat` with the help of everything. */
function refuseUnknownHelp([first, name]: readonly string[], names: readonly string[]): void {
  if (first !== "help" || name === undefined || name.startsWith("-")) return;
  if (name === "help" || names.includes(name)) return;
  throw new OperatorError(`unknown command '${escapeUntrusted(name)}'`, {
    mend: knownNames(name, names),
    status: 2,
  });
}

/** A command as the completion scripts see it. */
export interface CommandEntry {
  /** Name of the command. */
  readonly name: string;
  /** One line about it. */
  readonly summary: string;
  /** Long options with their text; `takesValue` when a word follows. */
  readonly options: readonly { readonly flag: string; readonly text: string; readonly takesValue: boolean }[];
  /** What its first argument is, or empty. */
  readonly argument: string;
  /** Commands below it; empty for one that does something itself. */
  readonly commands: readonly CommandEntry[];
}

/** The part of commander's command that the table is made of. */
interface Declared {
  name(): string;
  summary(): string;
  readonly options: readonly {
    readonly long?: string;
    readonly description: string;
    readonly required: boolean;
  }[];
  readonly registeredArguments: readonly { name(): string }[];
  readonly commands: readonly Declared[];
}

function commandTable(root: Declared): readonly CommandEntry[] {
  return root.commands.map((command) => ({
    name: command.name(),
    summary: command.summary(),
    options: command.options.map((option) => ({
      flag: option.long ?? "",
      text: option.description,
      takesValue: option.required,
    })),
    argument: command.registeredArguments[0]?.name() ?? "",
    commands: commandTable(command),
  }));
}

/** commander's message as one line: `error: unknown command 'strt'⏎(Did you mean start?)`. */
function usageLine(text: string): string {
  const line = text.trim().replace(/^error: /, "").replace(/\s*\n\s*/g, " ");
  return escapeUntrusted(line);
}
