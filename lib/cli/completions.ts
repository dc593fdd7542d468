/** `bottle completions`: static scripts made from the command tree, so that they cannot fall behind it. */

import { OperatorError } from "../errors.ts";
import { escapeUntrusted } from "../escape.ts";
import { knownNames } from "../state/known_names.ts";
import type { CliHost } from "./host.ts";
import type { CommandEntry } from "./program.ts";

const SHELLS: Readonly<Record<string, (table: readonly CommandEntry[]) => string>> = {
  bash: bashScript,
  zsh: zshScript,
  fish: fishScript,
};

/**
 * Names that a shell may be given, as a regular expression. A repository names its files as it likes, and bash's
 * `compgen` expands the words that it is given, command substitutions too.
 */
const NAME = "[a-z][a-z0-9-]*";

/** Words of an argument that the shell can list itself: one file or folder a name. */
const ARGUMENT_FILES: Readonly<
  Record<string, { readonly dirs: readonly string[]; readonly suffix: string }>
> = {
  AGENT: { dirs: ["$HOME/.bot-bottle/agents", ".bot-bottle/agents"], suffix: ".md" },
  IDENTITY: { dirs: ["$HOME/.bot-bottle/state"], suffix: "" },
};

/** Prints the script of a shell. @throws {OperatorError} for a shell that is not known */
// deno-lint-ignore require-await -- an action gives a promise
export async function completions(
  host: CliHost,
  shell: string,
  table: readonly CommandEntry[],
): Promise<number> {
  const render = Object.hasOwn(SHELLS, shell) ? SHELLS[shell] : undefined;
  if (render === undefined) {
    throw new OperatorError(`there are no completions for the shell '${escapeUntrusted(shell)}'`, {
      mend: knownNames(shell, Object.keys(SHELLS)),
      status: 2,
    });
  }
  host.output.print(render(table));
  return 0;
}

function bashScript(table: readonly CommandEntry[]): string {
  const commands = names(table);
  return `# bash completion for bottle
_bottle_names() {
  local suffix="$1" dir path name LC_ALL=C
  shift
  for dir in "$@"; do
    for path in "$dir"/*"$suffix"; do
      name="\${path##*/}"
      name="\${name%"$suffix"}"
      if [[ "$name" =~ ^${NAME}$ ]]; then printf '%s ' "$name"; fi
    done
  done
}
_bottle() {
  local current="\${COMP_WORDS[COMP_CWORD]}" flags="--version" valued="" words="${commands} help" given=0 first=2 at
  COMPREPLY=()
  if [ "$COMP_CWORD" -gt 1 ]; then
    flags="" words=""
    case "\${COMP_WORDS[1]}" in
${table.flatMap(bashCase).map((line) => `      ${line}`).join("\n")}
      help) words="${commands}" ;;
    esac
    for ((at = first; at < COMP_CWORD; at++)); do
      case "\${COMP_WORDS[at]}" in
        --) return ;; # what follows is the agent's
        -*) case " $valued " in *" \${COMP_WORDS[at]} "*) at=$((at + 1)) ;; esac ;;
        *) given=$((given + 1)) ;;
      esac
    done
    if [ "$at" -gt "$COMP_CWORD" ]; then return; fi # an option's value
  fi
  case "$current" in
    -*) COMPREPLY=($(compgen -W "$flags --help" -- "$current")) ;;
    *) if [ "$given" -eq 0 ]; then COMPREPLY=($(compgen -W "$words" -- "$current")); fi ;;
  esac
}
complete -F _bottle bottle
`;
}

/** The lines of a command's case; those of a group hold the cases of its commands. */
function bashCase(entry: CommandEntry): readonly string[] {
  if (entry.commands.length > 0) {
    return [
      `${entry.name}) words="${names(entry.commands)}"`,
      '  if [ "$COMP_CWORD" -gt 2 ]; then',
      '    first=3 words=""',
      '    case "${COMP_WORDS[2]}" in',
      ...entry.commands.flatMap(bashCase).map((line) => `      ${line}`),
      "    esac",
      "  fi ;;",
    ];
  }
  const flags = entry.options.map((option) => option.flag).join(" ");
  const valued = entry.options.filter((option) => option.takesValue).map((option) => option.flag).join(" ");
  return [`${entry.name}) flags="${flags}" valued="${valued}"${bashWords(entry)} ;;`];
}

function bashWords({ argument }: CommandEntry): string {
  const files = ARGUMENT_FILES[argument];
  if (files !== undefined) {
    return ` words="$(_bottle_names "${files.suffix}" ${files.dirs.map((dir) => `"${dir}"`).join(" ")})"`;
  }
  return argument === "SHELL" ? ` words="${Object.keys(SHELLS).join(" ")}"` : "";
}

function zshScript(table: readonly CommandEntry[]): string {
  return `#compdef bottle
# zsh completion for bottle
_bottle_names() {
  local suffix=$1 name LC_ALL=C
  shift
  local -a names
  for name in \${^@}/*$suffix(N:t); do
    name=\${name%$suffix}
    if [[ $name =~ '^${NAME}$' ]]; then names+=($name); fi
  done
  compadd -- $names
}
_bottle() {
  local -a commands
  local command
${zshCommands(table).map((line) => `  ${line}`).join("\n")}
}
compdef _bottle bottle
`;
}

/** Completes the name of a command, or goes on in that command's own case. */
function zshCommands(table: readonly CommandEntry[]): readonly string[] {
  return [
    "commands=(",
    ...table.map((entry) => `  ${single(`${entry.name}:${entry.summary}`)}`),
    ")",
    "if (( CURRENT == 2 )); then",
    "  _describe command commands",
    "  return",
    "fi",
    'command="$words[2]"',
    "shift words",
    "(( CURRENT-- ))",
    'case "$command" in',
    ...table.flatMap(zshCase).map((line) => `  ${line}`),
    "esac",
  ];
}

function zshCase(entry: CommandEntry): readonly string[] {
  if (entry.commands.length > 0) {
    return [`${entry.name})`, ...zshCommands(entry.commands).map((line) => `  ${line}`), "  ;;"];
  }
  const flags = entry.options.map((option) =>
    single(`${option.flag}[${option.text}]${option.takesValue ? ":value:" : ""}`)
  );
  return [`${entry.name}) _arguments -S ${[...flags, ...zshArgument(entry)].join(" ")} ;;`];
}

function zshArgument({ argument }: CommandEntry): readonly string[] {
  const files = ARGUMENT_FILES[argument];
  if (files !== undefined) {
    // The blank before the function: it is called as it stands, when the words are asked for.
    return [single(`1:${argument}: _bottle_names "${files.suffix}" ${files.dirs.join(" ")}`)];
  }
  return argument === "SHELL" ? [single(`1:shell:(${Object.keys(SHELLS).join(" ")})`)] : [];
}

function fishScript(table: readonly CommandEntry[]): string {
  const lines = table.flatMap((entry) => fishCommand(entry, "__fish_use_subcommand"));
  return ["# fish completion for bottle", "complete -c bottle -f", ...lines].join("\n") + "\n";
}

/** @param when condition under which the command's name is what comes next */
function fishCommand(entry: CommandEntry, when: string): readonly string[] {
  const lines = [`complete -c bottle -n ${single(when)} -a ${entry.name} -d ${single(entry.summary)}`];
  const seen = `__fish_seen_subcommand_from ${entry.name}`;
  if (entry.commands.length > 0) {
    const next = `${seen}; and not __fish_seen_subcommand_from ${names(entry.commands)}`;
    return [...lines, ...entry.commands.flatMap((command) => fishCommand(command, next))];
  }
  for (const option of entry.options) {
    const value = option.takesValue ? " -x" : "";
    lines.push(
      `complete -c bottle -n '${seen}' -l ${option.flag.replace(/^--/, "")}${value} -d ${
        single(option.text)
      }`,
    );
  }
  const files = ARGUMENT_FILES[entry.argument];
  if (files !== undefined) {
    const found = files.dirs.map((dir) => `${dir}/*${files.suffix}`).join(" ");
    const name = `string replace -rf '.*/(${NAME})${files.suffix.replace(".", "\\.")}$' '$1' -- $found`;
    // `set` takes a pattern that nothing matches for no words.
    lines.push(`complete -c bottle -n '${seen}' -a ${single(`(set -l found ${found}; ${name})`)}`);
  } else if (entry.argument === "SHELL") {
    lines.push(`complete -c bottle -n '${seen}' -a '${Object.keys(SHELLS).join(" ")}'`);
  }
  return lines;
}

function names(table: readonly CommandEntry[]): string {
  return table.map((entry) => entry.name).join(" ");
}

/** Single quotes of a shell. */
function single(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
