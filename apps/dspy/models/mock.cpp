#include "command.hpp"
#include "mock_provider/mock_provider.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>

#include <algorithm>
#include <csignal>
#include <cstdint>
#include <format>
#include <iostream>
#include <memory>
#include <utility>

namespace dspy::app {
namespace {

struct MockFlags {
  std::uint16_t port = 8080;
  std::string script;
  std::string key;
  std::vector<std::string> wishes;
  std::uint64_t seed = 0;
  double fault_rate = 0;
  bool quiet = false;
};

mock::WishList wishes_in(const std::vector<std::string>& given) {
  mock::WishList out;
  for (const auto& each : given) {
    const auto equals = std::min(each.find('='), each.size());
    out[each.substr(0, equals)] = equals < each.size() ? each.substr(equals + 1) : "1";
  }
  return out;
}

int run_mock(const MockFlags& flags) {
  mock::MockOptions options{.port = flags.port,
                            .wishes = wishes_in(flags.wishes),
                            .seed = flags.seed,
                            .fault_rate = flags.fault_rate,
                            .required_key = flags.key};
  if (!flags.quiet) {
    options.log = [](const mock::Request& request, const mock::Reply& reply) {
      std::cerr << std::format("{} {} {}{}\n", request.method, request.path, reply.status,
                               reply.is_stream ? " stream" : "");
    };
  }
  boost::asio::io_context signals;
  boost::asio::signal_set ends(signals, SIGINT, SIGTERM);
  ends.async_wait([](const boost::system::error_code&, int) {});
  mock::MockProvider provider(std::move(options));
  if (!flags.script.empty()) provider.load_script(flags.script);
  print_line(provider.url());
  std::cout.flush();
  signals.run();
  return exit_ok;
}

}  // namespace

void add_mock(CLI::App& app, Plan& plan) {
  auto flags = std::make_shared<MockFlags>();
  auto* command =
      app.add_subcommand("mock", "Run a mock provider on this machine (OpenAI, Anthropic, Gemini and Ollama), offline");
  command->add_option("-p,--port", flags->port, "The port to listen on, on 127.0.0.1 only; 0: any free port")
      ->capture_default_str();
  command
      ->add_option("-s,--script", flags->script,
                   "A JSON file with replies to give in turn: texts, or objects of wishes; then as without a script")
      ->check(CLI::ExistingFile);
  command->add_option("-w,--wish", flags->wishes,
                      "NAME=VALUE, for every reply: reply=…, status=429, delay=50, piece-bytes=1, …");
  command->add_option("--key", flags->key, "Refuse requests without this key");
  command->add_option("--fault-rate", flags->fault_rate, "The share of requests that get a fault, from 0 to 1")
      ->check(CLI::Range(0.0, 1.0));
  command->add_option("--seed", flags->seed, "The seed that chooses the faults; the same seed gives the same ones")
      ->capture_default_str();
  command->add_flag("-q,--quiet", flags->quiet, "Do not log requests to standard error");
  command->footer(
      "Repeats the user's last message, or replies with a value of the JSON Schema in the request.  Prints its "
      "address, and\nruns until interrupted.  docs/guide/mock_provider.md lists the wishes.\n"
      "Example:\n"
      "  dspy mock --port 8080 --wish status=429 --wish retry-after=2");
  command->callback([flags, &plan] { plan = [flags] { return run_mock(*flags); }; });
}

}  // namespace dspy::app
