import type { ComponentType } from "preact";

import type { Place } from "../logic/router.js";
import { Agents } from "./agents.js";
import { Datasets } from "./datasets.js";
import { Experiments } from "./experiments.js";
import { Indexes } from "./indexes.js";
import { Jobs } from "./jobs.js";
import { Keys } from "./keys.js";
import { Optimizations } from "./optimizations.js";
import { Playground } from "./playground.js";
import { Programs } from "./programs.js";
import { ResourceView } from "./resource.js";
import { Runs } from "./runs.js";
import { SystemView } from "./system.js";
import { Traces } from "./traces.js";

export type View = ComponentType<{ place: Place }>;

const views: Record<string, View> = {
  playground: Playground,
  traces: Traces,
  runs: Runs,
  optimizations: Optimizations,
  programs: Programs,
  experiments: Experiments,
  datasets: Datasets,
  indexes: Indexes,
  agents: Agents,
  jobs: Jobs,
  keys: Keys,
  system: SystemView,
};

/** The view of a name; what has none of its own is shown as the table that the server describes. */
export function viewOf(name: string): View {
  return Object.hasOwn(views, name) ? (views[name] as View) : ResourceView;
}
