/** The manifests of the lab's home folder. */

/** A host of which the lab's bottle may reach `/v1/` only. */
export const API_HOST = "api.lab.example";

/** A host that the lab's bottle may reach whole, inspected by pipelock. */
export const UPLOAD_HOST = "upload.lab.example";

/** A host that exists but is on no list. */
export const UNLISTED_HOST = "unlisted.lab.example";

/** Hosts that the stand-in answers for besides the model's. */
export const LAB_HOSTS: readonly string[] = [API_HOST, UPLOAD_HOST, UNLISTED_HOST];

const ROUTES = `egress:
  routes:
    - host: ${API_HOST}
      path_allowlist: [/v1/]
      auth: { scheme: Bearer, token_ref: LAB_TOKEN }
    - host: ${UPLOAD_HOST}
`;

/** Writes bottles `claude` and `codex` and an agent of the same name for each. */
export async function writeManifests(home: string): Promise<void> {
  const bottles = `${home}/.bot-bottle/bottles`;
  const agents = `${home}/.bot-bottle/agents`;
  await Deno.mkdir(bottles, { recursive: true });
  await Deno.mkdir(agents, { recursive: true });
  const provider = {
    claude: "  template: claude\n  auth_token: LAB_TOKEN\n",
    codex: "  template: codex\n  forward_host_credentials: true\n",
  };
  for (const [name, lines] of Object.entries(provider)) {
    const git = "git-gate:\n  user: { name: Lab Agent, email: agent@lab.example }\n";
    await Deno.writeTextFile(
      `${bottles}/${name}.md`,
      `---\nagent_provider:\n${lines}${ROUTES}${git}env:\n  LAB_NOTE: from the manifest\n---\n`,
    );
    await Deno.writeTextFile(`${agents}/${name}.md`, `---\nbottle: ${name}\n---\nYou answer in one line.\n`);
  }
}
