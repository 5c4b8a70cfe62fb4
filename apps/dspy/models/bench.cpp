#include "command.hpp"
#include "dspy/base/wait.hpp"
#include "dspy/lm/scripted.hpp"
#include "dspy/modules/predict.hpp"

#include <algorithm>
#include <chrono>
#include <format>

namespace dspy::app {
namespace {

using Clock = std::chrono::steady_clock;

struct BenchFlags {
  ModelFlags model;
  bool json = false;
  bool no_model = false;
};

struct Figure {
  std::string what;
  double value = 0;
  std::string unit;
};

/// The median time of one call, over several rounds of many calls.
template <class F>
double microseconds(F&& call) {
  constexpr int rounds = 7;
  constexpr int calls = 2000;
  std::vector<double> times;
  for (int round = 0; round < rounds; ++round) {
    const auto start = Clock::now();
    for (int i = 0; i < calls; ++i) call();
    times.push_back(std::chrono::duration<double, std::micro>(Clock::now() - start).count() / calls);
  }
  std::ranges::nth_element(times, times.begin() + rounds / 2);
  return times[rounds / 2];
}

Figure time_of_call(int demos) {
  auto lm = std::make_shared<ScriptedLM>([](const Request&) { return std::string("Answer: Rome"); });
  lm->remember(false);
  const std::vector<Example> shown(static_cast<std::size_t>(demos),
                                   Example({{"question", "2+2?"}, {"answer", "4"}}, {"question"}));
  const Predict ask("question -> answer", {.demos = shown, .lm = lm});
  return {std::format("Predict on a scripted LM, {} demonstrations", demos),
          microseconds([&] { ask({{"question", "What is the capital of Italy?"}}); }), "us"};
}

void add_model_figures(std::vector<Figure>& figures, const BenchFlags& flags) {
  const auto start = Clock::now();
  const auto lm = flags.model.make();
  figures.push_back({"load " + std::string(lm->model()),
                     std::chrono::duration<double, std::milli>(Clock::now() - start).count(), "ms"});

  std::vector<double> first_token;
  std::vector<double> decode_speed;
  for (int i = 0; i < 5; ++i) {
    Request request;
    // A prompt that is new each time, so that nothing of it is cached.
    request.messages = {
        {Role::user, std::format("Question {}: Where does Nora live? Nora lives in Lima.\n\nAnswer:", i)}};
    request.sampling = Sampling{.max_tokens = 128, .temperature = 1.0, .seed = 7}.over(flags.model.sampling);
    const auto begin = Clock::now();
    auto first = begin;
    bool seen = false;
    const auto reply = wait(lm->stream(std::move(request), [&](const StreamEvent& event) {
      if (seen || event.kind != StreamEvent::Kind::text) return;
      first = Clock::now();
      seen = true;
    }));
    first_token.push_back(std::chrono::duration<double, std::milli>(first - begin).count());
    const auto seconds = std::chrono::duration<double>(Clock::now() - first).count();
    if (*reply.usage.completion_tokens > 4) {
      decode_speed.push_back(static_cast<double>(*reply.usage.completion_tokens - 1) / seconds);
    }
  }
  std::ranges::sort(first_token);
  figures.push_back({"first token after", first_token[first_token.size() / 2], "ms"});
  if (decode_speed.empty()) return;
  std::ranges::sort(decode_speed);
  figures.push_back({"decode, one stream", decode_speed[decode_speed.size() / 2], "tokens/s"});
}

int run_bench(const BenchFlags& flags) {
  std::vector<Figure> figures;
  figures.push_back(
      {"signature from text", microseconds([] { (void)Signature::parse("question -> answer: float"); }), "us"});
  for (const int demos : {0, 2, 64}) figures.push_back(time_of_call(demos));
  if (!flags.no_model) add_model_figures(figures, flags);

  JsonArray list;
  for (const auto& figure : figures) {
    if (flags.json) {
      list.push_back(JsonObject{{"what", figure.what}, {"value", figure.value}, {"unit", figure.unit}});
    } else {
      print_line(std::format("{:<46} {:>10.2f} {}", figure.what, figure.value, figure.unit));
    }
  }
  if (flags.json) print_json({{"figures", std::move(list)}});
  return exit_ok;
}

}  // namespace

void add_bench(CLI::App& app, Plan& plan) {
  auto flags = std::make_shared<BenchFlags>();
  auto* command = app.add_subcommand("bench", "Measure this installation: calls, notation, a model's speed");
  command->add_flag("--json", flags->json, "Print {\"figures\"}");
  command->add_flag("--no-model", flags->no_model, "Leave the model out");
  flags->model.add_to(*command);
  command->footer(
      "Figures are medians. `./dev bench` in the source tree measures more, and compares with other programs.");
  command->callback([flags, &plan] { plan = [flags] { return run_bench(*flags); }; });
}

}  // namespace dspy::app
