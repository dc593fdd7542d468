/** A request to a provider with everything at its default. */

import type { ProviderSettings } from "../../../lib/manifest/model.ts";
import type { ProviderRequest } from "../../../lib/providers/provider.ts";
import { NOW } from "./host_login.ts";

/** What a test changes about the request. */
export interface RequestChanges extends Partial<Omit<ProviderRequest, "settings" | "readHostFile">> {
  /** `agent_provider` besides the template. */
  readonly settings?: Partial<ProviderSettings>;
  /** Files of the host by path. */
  readonly hostFiles?: Readonly<Record<string, string>>;
}

/** A request; `read` lists the host files that were asked for. */
export function providerRequest(
  template: string,
  changes: RequestChanges = {},
): ProviderRequest & { readonly read: string[] } {
  const { settings, hostFiles = {}, ...rest } = changes;
  const read: string[] = [];
  return {
    guestHome: "/home/node",
    workdir: "/home/node",
    manifestEnv: {},
    hostHome: "/home/operator",
    hostEnv: {},
    now: NOW,
    ...rest,
    settings: { template, forwardHostCredentials: false, ...settings },
    readHostFile: (path) => {
      read.push(path);
      return Promise.resolve(hostFiles[path]);
    },
    read,
  };
}
