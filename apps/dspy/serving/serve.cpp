#include "command.hpp"
#include "dspy/server/resources/workspace.hpp"
#include "serving/server.hpp"
#include "serving/serving.hpp"

#include <CLI/CLI.hpp>

#include <memory>

namespace dspy::app {

namespace {

void add_stores(CLI::App& command, ServeFlags& flags) {
  constexpr auto data = "What is kept";
  flags.data.workspace = server::default_workspace().string();
  command
      .add_option("--workspace", flags.data.workspace,
                  "The folder for traces, jobs, runs, datasets, …; `off` stores nothing")
      ->envname("DSPY_DATA")
      ->capture_default_str()
      ->group(data);
  command.add_option("--jobs", flags.jobs, "The file for jobs [in the workspace]; `off` disables jobs")->group(data);
  command.add_option("--traces", flags.data.traces, "The trace store [in the workspace]; `off` stores no traces")
      ->group(data);
  command.add_option("--trace-days", flags.data.trace_days, "How long traces are kept")
      ->check(CLI::Range(0.01, 3650.0))
      ->capture_default_str()
      ->group(data);
  command.add_option("--trace-gigabytes", flags.data.trace_gigabytes, "The maximum size of their file")
      ->check(CLI::Range(0.01, 10000.0))
      ->capture_default_str()
      ->group(data);
  command.add_option("--keys", flags.data.keys, "Require a key from this file (see `dspy keys`)")->group(data);
  command.add_option("--registry", flags.data.registry, "The registry that NAME@ALIAS is looked up in")->group(data);
}

void add_served(CLI::App& command, ServeFlags& flags) {
  command.add_option("programs", flags.sources,
                     "Program files, flows, agents, NAME@ALIAS of the registry, or signatures; NAME=… gives a name");
  command
      .add_option("-m,--model", flags.models,
                  "A model to serve, as for `dspy ask`, or NAME=MODEL (may be repeated; the first is used by programs "
                  "that name none)")
      ->allow_extra_args(false);
  command.add_option("--embedder", flags.embedders, "A model for /v1/embeddings, URI or NAME=URI (may be repeated)")
      ->allow_extra_args(false);
  command.add_option("--reranker", flags.rerankers, "A model for /v1/rerank, URI or NAME=URI (may be repeated)")
      ->allow_extra_args(false);
  command.add_flag("--accept-changed", flags.accept_changed,
                   "Accept program files that were edited after they were saved");
  command.add_option("--adapter", flags.adapter, "The adapter for programs that do not name one")
      ->capture_default_str();
}

void add_addresses(CLI::App& command, ServeFlags& flags) {
  command.add_option("--listen", flags.listen, "Where to listen, ADDRESS:PORT")->capture_default_str();
  command.add_option("--admin", flags.admin, "Serve /metrics and /api at ADDRESS:PORT instead [the same address]");
  command.add_option("--tls-cert", flags.certificate, "A certificate with its chain, PEM");
  command.add_option("--tls-key", flags.key, "Its key, PEM");
}

void add_limits(CLI::App& command, ServeFlags& flags) {
  constexpr auto limits = "Limits";
  command.add_option("--max-running", flags.admission.running, "Requests processed concurrently")
      ->capture_default_str()
      ->group(limits);
  command.add_option("--max-waiting", flags.admission.waiting, "Requests that may wait; more get 429")
      ->capture_default_str()
      ->group(limits);
  command.add_option("--max-jobs", flags.max_jobs, "Jobs that run at once")->capture_default_str()->group(limits);
  command.add_option("--max-connections", flags.limits.connections, "Connections at once")
      ->capture_default_str()
      ->group(limits);
  command.add_option("--max-body", flags.limits.body_bytes, "Maximum size of a request's body")
      ->capture_default_str()
      ->group(limits);
  command.add_option("--rate", flags.limits.requests_per_second, "Requests per second from one address; 0: unlimited")
      ->capture_default_str()
      ->group(limits);
  command.add_option("--request-seconds", flags.request_seconds, "The time limit for an answer")
      ->capture_default_str()
      ->group(limits);
  constexpr double longest = 30 * 86'400.0;
  command
      .add_option("--socket-idle-seconds", flags.socket_idle_seconds,
                  "How long a WebSocket may stay open without messages; 0: unlimited")
      ->check(CLI::Range(0.0, longest))
      ->capture_default_str()
      ->group(limits);
  command
      .add_option("--socket-seconds", flags.socket_seconds, "How long a WebSocket may stay open in total; 0: unlimited")
      ->check(CLI::Range(0.0, longest))
      ->capture_default_str()
      ->group(limits);
  command.add_option("--drain-seconds", flags.drain_seconds, "How long requests may continue after SIGTERM")
      ->capture_default_str()
      ->group(limits);
  command.add_option("--threads", flags.threads, "Threads of the server [all cores]")->group(limits);
}

int serve_with(ServeFlags flags) {
  if (flags.data.workspace == "off") flags.data.workspace.clear();
  return serve(flags);
}

}  // namespace

void add_ui(CLI::App& app, Plan& plan) {
  auto flags = std::make_shared<ServeFlags>();
  flags->listen = "127.0.0.1:8090";
  flags->is_page_alone = true;
  auto* command = app.add_subcommand("ui", "Serve only the page, over stored traces, runs, datasets and the registry");
  command->add_option("programs", flags->sources, "Programs to try on the page, as for `dspy serve`");
  command->add_option("-m,--model", flags->models, "Models to try, as for `dspy serve`")->allow_extra_args(false);
  command->add_option("--listen", flags->listen, "Where to listen, ADDRESS:PORT")->capture_default_str();
  command->add_flag("--json", flags->json, "Print where it listens as JSON");
  add_stores(*command, *flags);
  command->callback([flags, &plan] { plan = [flags] { return serve_with(*flags); }; });
}

void add_serve(CLI::App& app, Plan& plan) {
  auto flags = std::make_shared<ServeFlags>();
  auto* command = app.add_subcommand("serve", "Serve programs and models over HTTP");
  add_served(*command, *flags);
  add_addresses(*command, *flags);
  command->add_flag("--reload", flags->reload, "Reload program files when they change (aliases are always followed)");
  command
      ->add_option("--split", flags->splits,
                   "An A/B experiment: NAME=PROGRAM:WEIGHT,PROGRAM:WEIGHT over programs that are served (may be "
                   "repeated)")
      ->allow_extra_args(false);
  add_stores(*command, *flags);
  command->add_flag("--insecure", flags->insecure, "Allow a public address without keys");
  add_limits(*command, *flags);
  flags->log.add_to(*command);
  command->add_flag("--json", flags->json, "Print where it listens as JSON");
  command->footer(
      "Examples:\n"
      "  dspy serve triage.json --reload\n"
      "  dspy serve 'qa=question -> answer' --listen 127.0.0.1:8080\n"
      "  dspy serve triage@production --registry registry.db --model openai/gpt-5.4-mini\n"
      "  curl -s 127.0.0.1:8080/v1/programs/qa -d '{\"inputs\": {\"question\": \"What is 2 + 2?\"}}'\n"
      "\n"
      "docs/guide/serving.md describes the endpoints.");
  command->callback([flags, &plan] { plan = [flags] { return serve_with(*flags); }; });
}

}  // namespace dspy::app
