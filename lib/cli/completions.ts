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
  const commands = table.map((entry) => entry.name).join(" ");
  const cases = table.map((entry) => {
    const flags = entry.options.map((option) => option.flag).join(" ");
    const valued = entry.options.filter((option) => option.takesValue).map((option) => option.flag).join(" ");
    return `    ${entry.name}) flags="${flags}" valued="${valued}"${bashWords(entry)} ;;`;
  });
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
  local current="\${COMP_WORDS[COMP_CWORD]}" flags="--version" valued="" words="${commands} help" given=0 at
  COMPREPLY=()
  if [ "$COMP_CWORD" -gt 1 ]; then
    flags="" words=""
    case "\${COMP_WORDS[1]}" in
${cases.map((line) => `  ${line}`).join("\n")}
      help) words="${commands}" ;;
    esac
    for ((at = 2; at < COMP_CWORD; at++)); do
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

function bashWords({ argument }: CommandEntry): string {
  const files = ARGUMENT_FILES[argument];
  if (files !== undefined) {
    return ` words="$(_bottle_names "${files.suffix}" ${files.dirs.map((dir) => `"${dir}"`).join(" ")})"`;
  }
  return argument === "SHELL" ? ` words="${Object.keys(SHELLS).join(" ")}"` : "";
}

function zshScript(table: readonly CommandEntry[]): string {
  const commands = table.map((entry) => `    ${single(`${entry.name}:${entry.summary}`)}`);
  const cases = table.map((entry) => {
    const flags = entry.options.map((option) =>
      single(`${option.flag}[${option.text}]${option.takesValue ? ":value:" : ""}`)
    );
    return `    ${entry.name}) _arguments -S ${[...flags, ...zshArgument(entry)].join(" ")} ;;`;
  });
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
  commands=(
${commands.join("\n")}
  )
  if (( CURRENT == 2 )); then
    _describe command commands
    return
  fi
  local command="$words[2]"
  shift words
  (( CURRENT-- ))
  case "$command" in
${cases.join("\n")}
  esac
}
compdef _bottle bottle
`;
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
  const lines = ["# fish completion for bottle", "complete -c bottle -f"];
  for (const entry of table) {
    lines.push(
      `complete -c bottle -n __fish_use_subcommand -a ${entry.name} -d ${single(entry.summary)}`,
    );
    const when = `-n '__fish_seen_subcommand_from ${entry.name}'`;
    for (const option of entry.options) {
      const value = option.takesValue ? " -x" : "";
      lines.push(
        `complete -c bottle ${when} -l ${option.flag.replace(/^--/, "")}${value} -d ${single(option.text)}`,
      );
    }
    const files = ARGUMENT_FILES[entry.argument];
    if (files !== undefined) {
      const found = files.dirs.map((dir) => `${dir}/*${files.suffix}`).join(" ");
      const name = `string replace -rf '.*/(${NAME})${files.suffix.replace(".", "\\.")}$' '$1' -- $found`;
      // `set` takes a pattern that nothing matches for no words.
      lines.push(`complete -c bottle ${when} -a ${single(`(set -l found ${found}; ${name})`)}`);
    } else if (entry.argument === "SHELL") {
      lines.push(`complete -c bottle ${when} -a '${Object.keys(SHELLS).join(" ")}'`);
    }
  }
  return lines.join("\n") + "\n";
}

/** Single quotes of a shell. */
function single(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
