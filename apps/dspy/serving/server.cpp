#include "serving/server.hpp"

#include "command.hpp"
#include "dspy/adapters/adapter.hpp"
#include "dspy/base/error.hpp"
#include "dspy/base/json.hpp"
#include "dspy/config/config.hpp"
#include "dspy/lm/lm.hpp"
#include "dspy/lm/trace.hpp"
#include "dspy/lm/tracing/metrics.hpp"
#include "dspy/server/admission.hpp"
#include "dspy/server/catalog.hpp"
#include "dspy/server/configured.hpp"
#include "dspy/server/experiments/live_experiments.hpp"
#include "dspy/server/jobs/job_runner.hpp"
#include "dspy/server/jobs/job_store.hpp"
#include "dspy/server/listener.hpp"
#include "dspy/server/local_guard.hpp"
#include "dspy/server/page.hpp"
#include "dspy/server/programs/program_sources.hpp"
#include "dspy/server/programs/programs_api.hpp"
#include "dspy/server/programs/programs_socket.hpp"
#include "dspy/server/programs/splits.hpp"
#include "dspy/server/protocols.hpp"
#include "dspy/server/resources/workspace.hpp"
#include "dspy/server/routes.hpp"
#include "dspy/server/system/system_api.hpp"
#include "dspy/server/web_socket.hpp"
#include "serving/data_parts.hpp"
#include "serving/idle_memory.hpp"
#include "serving/key_spending.hpp"
#include "serving/served_models.hpp"
#include "serving/served_texts.hpp"
#include "serving/server_metrics.hpp"
#include "serving/split_flag.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/system/error_code.hpp>
#include <sys/stat.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <format>
#include <functional>
#include <iostream>
#include <iterator>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace dspy::app {
namespace {

namespace asio = boost::asio;
using namespace server;

std::chrono::milliseconds milliseconds(double seconds) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::duration<double>(seconds));
}

/// All that a server is made of, in the order in which it needs each other.
struct Parts {
  std::shared_ptr<Catalog> catalog = std::make_shared<Catalog>();
  std::shared_ptr<Metrics> metrics = std::make_shared<Metrics>();
  std::shared_ptr<Trace> metrics_trace = std::make_shared<MetricsTrace>(metrics);
  std::shared_ptr<server::Admission> admission;
  std::shared_ptr<Splits> splits = std::make_shared<Splits>();
  std::shared_ptr<std::atomic<bool>> is_draining = std::make_shared<std::atomic<bool>>(false);
  std::unique_ptr<ProgramSources> sources;
  std::shared_ptr<JobRunner> jobs;  ///< Null: there are none.
  DataParts data;
  std::shared_ptr<Routes> routes = std::make_shared<Routes>();
  std::shared_ptr<Routes> admin_routes;  ///< Null: `routes` has them.
  std::shared_ptr<WebSockets> sockets = std::make_shared<WebSockets>();
};

/// Whether a model is asked that nobody named: by a program, or as the only one.  What stands only before the models of
/// a dspy.toml loads no other.
bool wants_model(const ServeFlags& flags, const Config& config) {
  if (!flags.sources.empty() || !flags.models.empty()) return true;
  if (flags.is_page_alone) return false;
  return config.lms().empty() || !config.default_lm().empty() || std::getenv("DSPY_MODEL") != nullptr;
}

void add_programs(const ServeFlags& flags, Parts& parts) {
  std::shared_ptr<LM> lm;
  const auto config = Config::load();
  if (wants_model(flags, config)) lm = serve_models(flags.models, *parts.catalog);
  serve_configured(config, *parts.catalog);
  serve_texts(flags.embedders, flags.rerankers, *parts.catalog);
  parts.sources = std::make_unique<ProgramSources>(
      parts.catalog, SourceOptions{.make_lm = [](const std::string& name) { return make_lm(name); },
                                   .lm = std::move(lm),
                                   .adapter = adapter(flags.adapter),
                                   .registry = flags.data.registry,
                                   .watches_files = flags.reload,
                                   .accepts_changed = flags.accept_changed});
  for (const auto& source : flags.sources) parts.sources->add(source);
  for (const auto& split : flags.splits) add_split(split, *parts.catalog, *parts.splits);
  if (flags.data.workspace.empty()) return;
  auto* const sources = parts.sources.get();
  parts.data.live_experiments = std::make_shared<LiveExperiments>(
      LiveExperimentOptions{.workspace = Workspace(flags.data.workspace),
                            .catalog = parts.catalog,
                            .splits = parts.splits,
                            .version = [sources](const std::string& program, const std::string& version) {
                              return sources->version(program, version);
                            }});
  parts.data.live_experiments->poll();
}

std::vector<std::string> problems_of(const ProgramSources& sources, const DataParts& data) {
  auto out = sources.problems();
  if (data.live_experiments) std::ranges::move(data.live_experiments->problems(), std::back_inserter(out));
  return out;
}

std::function<std::uint64_t()> dropped_traces(const DataParts& data) {
  if (!data.traces) return {};
  return [traces = data.traces] { return traces->dropped(); };
}

/// Where jobs are kept; empty for none.
std::filesystem::path jobs_file(const ServeFlags& flags) {
  if (flags.jobs == "off" || (flags.jobs.empty() && flags.data.workspace.empty())) return {};
  return flags.jobs.empty() ? std::filesystem::path(flags.data.workspace) / "jobs.sqlite"
                            : std::filesystem::path(flags.jobs);
}

void add_jobs(const ServeFlags& flags, Parts& parts, const ProgramsOptions& around) {
  const auto file = jobs_file(flags);
  if (file.empty()) return;
  auto* const sources = parts.sources.get();
  JobOptions options{.programs = around,
                     .agent = [sources](std::string_view name) { return sources->agent(name); },
                     .on_change =
                         [changes = parts.data.changes](const server::Job& job) {
                           changes->tell(job.caller.tenant, "jobs", job.id, job.attempts == 0 ? "created" : "updated");
                         },
                     .max_running = flags.max_jobs};
  if (!flags.data.workspace.empty()) {
    // Where the resource `agents` finds them.
    options.journal = [workspace = server::Workspace(flags.data.workspace)](const server::Job& job) {
      auto path = workspace.path(job.caller.tenant, "agents", job.id, ".jsonl");
      std::filesystem::create_directories(path.parent_path());
      return path;
    };
  }
  parts.jobs = std::make_shared<JobRunner>(parts.catalog, std::make_shared<JobStore>(file), std::move(options));
  parts.routes->add(job_routes(parts.jobs));
}

void add_routes(const ServeFlags& flags, Parts& parts) {
  parts.admission = std::make_shared<server::Admission>(flags.admission);
  watch_queue(*parts.metrics, parts.admission);
  ProgramsOptions programs{.trace = [trace = parts.metrics_trace](const CallOrigin&) { return trace; },
                           .splits = parts.splits};
  stand_around(parts.data, programs);
  auto* const sources = parts.sources.get();
  add_jobs(flags, parts, programs);
  parts.routes->add(protocol_routes(parts.catalog, {.spending = spending_of(parts.data.keys),
                                                    .trace = programs.trace,
                                                    .splits = programs.splits,
                                                    .on_exposure = programs.on_exposure}));
  (*parts.sockets)["/v1/programs"] = program_socket(parts.catalog, programs);
  (*parts.sockets)["/api/events"] = change_socket(parts.data.changes);
  parts.routes->add(program_routes(parts.catalog, programs));
  const SystemOptions system{.catalog = parts.catalog,
                             .admission = parts.admission,
                             .metrics = parts.metrics,
                             .is_draining = parts.is_draining,
                             .problems = [sources, data = parts.data] { return problems_of(*sources, data); },
                             .dropped_traces = dropped_traces(parts.data)};
  if (flags.admin.empty()) {
    parts.routes->add(system_routes(system));
  } else {
    // The page needs all that it shows on its own origin.
    parts.admin_routes = std::make_shared<Routes>();
    parts.admin_routes->add(system_routes(system));
    parts.admin_routes->add(program_routes(parts.catalog, programs));
    if (parts.jobs) parts.admin_routes->add(job_routes(parts.jobs));
    parts.admin_routes->add(page_routes());
    parts.admin_routes->set_admission(parts.admission);
    // What a load balancer asks stays where the requests go.
    for (auto& route : system_routes(system)) {
      if (route.path == "/healthz" || route.path == "/readyz") parts.routes->add(std::move(route));
    }
  }
  add_data(flags.data, parts.data, parts.catalog, parts.jobs, *parts.routes,
           parts.admin_routes ? *parts.admin_routes : *parts.routes);
  parts.routes->add(openapi_route(*parts.routes, parts.catalog, programs));
  if (!parts.admin_routes) parts.routes->add(page_routes());
  parts.routes->set_admission(parts.admission);
  if (parts.data.keys || flags.insecure) return;
  parts.routes->set_authenticator(local_guard());
  if (parts.admin_routes) parts.admin_routes->set_authenticator(local_guard());
}

ListenerOptions listener_options(const ServeFlags& flags, const std::string& address) {
  auto out = listen_at(address);
  if (!is_loopback(out.address) && !flags.insecure && flags.data.keys.empty())
    throw Error(Errc::config_error,
                std::format("{} can be reached from other machines without a key; give --keys FILE, listen on "
                            "127.0.0.1 behind a proxy that authenticates, or give --insecure",
                            address));
  out.limits = flags.limits;
  out.limits.request_time = milliseconds(flags.request_seconds);
  out.limits.socket_idle_time = milliseconds(flags.socket_idle_seconds);
  out.limits.socket_time = milliseconds(flags.socket_seconds);
  out.threads = flags.threads;
  if (flags.certificate.empty() != flags.key.empty())
    throw Error(Errc::config_error, "TLS needs both --tls-cert and --tls-key");
  if (!flags.certificate.empty()) out.tls = TlsFiles{.certificate = flags.certificate, .key = flags.key};
  return out;
}

std::string url_of(const ListenerOptions& options, std::uint16_t port) {
  const bool is_v6 = options.address.contains(':');
  return std::format("{}://{}{}{}:{}", options.tls ? "https" : "http", is_v6 ? "[" : "", options.address,
                     is_v6 ? "]" : "", port);
}

void tell(const ServeFlags& flags, const Parts& parts, const std::string& url, const std::string& admin) {
  JsonArray names;
  for (const auto& program : parts.catalog->programs()) names.emplace_back(program->name);
  if (flags.json) {
    JsonObject out = {{"listening", url}, {"programs", names}};
    if (!admin.empty()) out["admin"] = admin;
    print_json(out);
  } else {
    print_line(std::format("listening at {}", url));
    if (!admin.empty()) print_line(std::format("admin at {}", admin));
    for (const auto& program : parts.catalog->programs())
      print_line(std::format("  POST {}/v1/programs/{}   {}", url, program->name, to_notation(program->signature)));
  }
  std::cout.flush();  // who started it may wait for this
}

/// What ends the server.  Made before it says that it listens: a signal may come at once.
struct EndSignals {
  asio::io_context loop;
  asio::signal_set signals{loop, SIGINT, SIGTERM};

  EndSignals() {
    signals.async_wait([this](const boost::system::error_code&, int) { loop.stop(); });
  }
};

/// Looks at the programs' sources and at experiments twice a second until a signal comes.
void run_until_signal(EndSignals& end, ProgramSources& sources, const DataParts& data, const Listener& listener) {
  asio::steady_timer timer(end.loop);
  IdleMemory memory;
  std::function<void()> again = [&] {
    timer.expires_after(std::chrono::milliseconds(500));
    timer.async_wait([&](const boost::system::error_code& code) {
      if (code) return;
      sources.poll();
      if (data.live_experiments) data.live_experiments->poll();
      memory.look(listener.state().requests, std::chrono::steady_clock::now());
      again();
    });
  };
  again();
  end.loop.run();
  end.signals.clear();
}

}  // namespace

int serve(const ServeFlags& flags) {
  // Prompts, replies and keys are nobody else's on this machine: files 0600, folders 0700.
  ::umask(S_IRWXG | S_IRWXO);
  flags.log.begin();
  const auto options = listener_options(flags, flags.listen);
  Parts parts;
  parts.data = open_data(flags.data);
  add_programs(flags, parts);
  add_routes(flags, parts);
  Listener listener(parts.routes, options, parts.sockets);
  std::unique_ptr<Listener> admin;
  std::string admin_url;
  if (parts.admin_routes) {
    auto admin_options = listener_options(flags, flags.admin);
    admin_options.threads = 1;
    admin = std::make_unique<Listener>(parts.admin_routes, admin_options, parts.sockets);
    admin_url = url_of(admin_options, admin->port());
  }
  EndSignals end;
  watch_listener(*parts.metrics, listener);
  if (parts.jobs) parts.jobs->resume();
  tell(flags, parts, url_of(options, listener.port()), admin_url);
  run_until_signal(end, *parts.sources, parts.data, listener);
  parts.is_draining->store(true);
  std::signal(SIGINT, SIG_DFL);  // a second one ends it at once
  std::signal(SIGTERM, SIG_DFL);
  return listener.drain(milliseconds(flags.drain_seconds)) ? exit_ok : exit_failed;
}

}  // namespace dspy::app
