/** `bottle init`: a commented example to begin with. */

import { FILE_MODE, FOLDER_MODE, homePaths, stateError } from "../state/paths.ts";
import { type CliHost, homeOf } from "./host.ts";

/** Writes the example bottle and agent where they are absent, and says what it did. @throws {OperatorError} */
export async function init(host: CliHost): Promise<number> {
  const paths = homePaths(homeOf(host));
  for (
    const { folder, text } of [
      { folder: paths.bottles, text: EXAMPLE_BOTTLE },
      { folder: paths.agents, text: EXAMPLE_AGENT },
    ]
  ) {
    const path = `${folder}/dev.md`;
    const written = await writeAbsent(folder, path, text);
    host.output.say(written ? `wrote ${path}` : `${path} is there already; it was left as it is`);
  }
  host.output.say("next: bottle start dev --dry-run");
  return 0;
}

async function writeAbsent(folder: string, path: string, text: string): Promise<boolean> {
  try {
    await Deno.mkdir(folder, { recursive: true, mode: FOLDER_MODE });
    await Deno.writeTextFile(path, text, { createNew: true, mode: FILE_MODE });
    return true;
  } catch (cause) {
    if (cause instanceof Deno.errors.AlreadyExists) return false;
    throw stateError("cannot write", path, cause);
  }
}

const EXAMPLE_BOTTLE = `---
# A bottle is a trust boundary: what an agent inside may reach, and with which credentials. Only files in
# ~/.bot-bottle/bottles define bottles; nothing in a repository can widen one.

agent_provider:
  template: claude              # or codex
  # The name of a variable on this host that holds a token (\`claude setup-token\` makes one). It is added to the
  # agent's requests outside the bottle, and the agent never sees it. Without it the agent asks you to log in.
  # auth_token: CLAUDE_CODE_OAUTH_TOKEN
  # With template codex: use the login of this host's codex.
  # forward_host_credentials: true

# Environment of the agent. A literal, a question asked at the start, or a variable of this host.
# env:
#   EDITOR: vi
#   DATABASE_PASSWORD: "?password of the test database"
#   LANG: \${LANG}

# Hosts that the agent may reach besides its provider's own. Exact names; all else is refused.
# \`bottle policy explain dev GET https://developer.mozilla.org/\` says what would come of a request.
egress:
  routes:
    # For a login of claude inside the bottle; with auth_token it is not needed.
    - host: platform.claude.com
      path_allowlist: [/v1/oauth/]
    - host: developer.mozilla.org
      methods: [GET, HEAD]          # left out: every method
    # Clone and fetch one repository over HTTPS, and nothing else; pushes never leave this way.
    # - host: github.com
    #   path_allowlist: [/me/project.git]
    #   git: fetch
    # - host: api.github.com
    #   path_allowlist: [/repos/me/project]
    #   auth:
    #     scheme: Bearer
    #     token_ref: GITHUB_TOKEN   # a variable on this host; the agent never sees it

# git-gate:
#   # Author of the agent's commits.
#   user:
#     name: Dev Agent
#     email: dev@example.com
#   # Repositories that the agent may push to. Every push is scanned for secrets; the key stays outside the bottle.
#   repos:
#     project:
#       url: ssh://git@github.com/me/project.git
#       identity: ~/.ssh/bottle-project   # a key of its own, without a passphrase
#       host_key: ssh-ed25519 AAAA          # what ssh-keyscan -t ed25519 github.com prints behind the name
#       push: [agent/*]                   # branches that the agent may write; left out: every one
---

An example bottle. This text is for you; nothing reads it.
`;

const EXAMPLE_AGENT = `---
# An agent runs in a bottle. Its name is the name of this file: bottle start dev
bottle: dev

# Folders of ~/.claude/skills that are copied into the bottle.
# skills:
#   - my-skill
---

You are a careful software engineer. Read before you write, run the tests, and say what you did not verify.
`;
