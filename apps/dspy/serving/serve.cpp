#include "command.hpp"
#include "dspy/adapters/adapter.hpp"
#include "dspy/base/error.hpp"
#include "serving/server.hpp"
#include "serving/serving.hpp"

#include <CLI/CLI.hpp>

#include <memory>

namespace dspy::app {

void add_serve(CLI::App& app, Plan& plan) {
  auto flags = std::make_shared<ServeFlags>();
  auto* command = app.add_subcommand("serve", "Serve programs and models over HTTP");
  command->add_option("programs", flags->sources,
                      "Program files, flows, agents, NAME@ALIAS of the registry, or signatures; NAME=… gives a name");
  command->add_option(
      "-m,--model", flags->models,
      "A model to serve and to ask, as for `dspy ask`, or NAME=MODEL (may be repeated; the first is that "
      "of programs that name none)");
  command->add_option("--embedder", flags->embedders, "A model for /v1/embeddings, URI or NAME=URI (may be repeated)");
  command->add_option("--reranker", flags->rerankers, "A model for /v1/rerank, URI or NAME=URI (may be repeated)");
  command->add_option("--adapter", flags->adapter, "How prompts are written where a program does not say")
      ->capture_default_str();
  command->add_option("--listen", flags->listen, "Where to listen, ADDRESS:PORT")->capture_default_str();
  command->add_option("--admin", flags->admin,
                      "Where /metrics and /api are instead, ADDRESS:PORT [with everything else]");
  command->add_option("--tls-cert", flags->certificate, "A certificate with its chain, PEM");
  command->add_option("--tls-key", flags->key, "Its key, PEM");
  command->add_option("--registry", flags->registry, "The registry that NAME@ALIAS is looked up in");
  command->add_flag("--reload", flags->reload, "Load program files anew when they change (aliases always are)");
  command->add_option("--split", flags->splits,
                      "An A/B experiment: NAME=PROGRAM:WEIGHT,PROGRAM:WEIGHT over programs that are served (may be "
                      "repeated)");
  command->add_option("--jobs", flags->jobs, "Offer jobs, kept in this file: /v1/jobs");
  command->add_flag("--insecure", flags->insecure, "Let anyone who reaches a public address ask, without a key");
  constexpr auto limits = "Limits";
  command->add_option("--max-running", flags->gate.running, "Requests that work at once")
      ->capture_default_str()
      ->group(limits);
  command->add_option("--max-waiting", flags->gate.waiting, "Requests that wait; above, they get 429")
      ->capture_default_str()
      ->group(limits);
  command->add_option("--max-jobs", flags->max_jobs, "Jobs that run at once")->capture_default_str()->group(limits);
  command->add_option("--max-connections", flags->limits.connections, "Connections at once")
      ->capture_default_str()
      ->group(limits);
  command->add_option("--max-body", flags->limits.body_bytes, "Bytes of a request's body")
      ->capture_default_str()
      ->group(limits);
  command->add_option("--rate", flags->limits.requests_per_second, "Requests a second of one address; 0: any number")
      ->capture_default_str()
      ->group(limits);
  command->add_option("--request-seconds", flags->request_seconds, "The longest that an answer may take")
      ->capture_default_str()
      ->group(limits);
  command->add_option("--drain-seconds", flags->drain_seconds, "How long requests may go on after SIGTERM")
      ->capture_default_str()
      ->group(limits);
  command->add_option("--threads", flags->threads, "Of the server's loop [all cores]")->group(limits);
  command->add_flag("--json", flags->json, "Print where it listens as JSON");
  command->footer(
      "Examples:\n"
      "  dspy serve triage.json --reload\n"
      "  dspy serve 'qa=question -> answer' --listen 127.0.0.1:8080\n"
      "  dspy serve triage@production --registry registry.db --model openai/gpt-5.4-mini\n"
      "  curl -s 127.0.0.1:8080/v1/programs/qa -d '{\"inputs\": {\"question\": \"What is 2 + 2?\"}}'\n"
      "\n"
      "docs/guide/serving.md describes the endpoints.");
  command->callback([flags, &plan] { plan = [flags] { return serve(*flags); }; });
}

}  // namespace dspy::app
