#include "command.hpp"
#include "dspy/base/log.hpp"
#include "dspy/base/version.hpp"
#include "dspy/llama/hardware.hpp"
#include "dspy/llama/memory_plan.hpp"
#include "dspy/llama/model_info.hpp"
#include "dspy/llama/model_pool.hpp"
#include "models/finding.hpp"

#include <chrono>
#include <format>

namespace dspy::app {
namespace {

struct DoctorFlags {
  std::string model;
  int context = 0;
  bool json = false;
};

std::string_view to_string(Finding::Level level) {
  switch (level) {
    case Finding::Level::ok: return "ok";
    case Finding::Level::warning: return "warn";
    case Finding::Level::failure: return "FAIL";
  }
  return "?";
}

double gigabytes(std::uint64_t bytes) {
  return static_cast<double>(bytes) / 1e9;
}

class Doctor {
 public:
  explicit Doctor(const DoctorFlags& flags) : flags_(flags) {}

  std::vector<Finding> examine() {
    add(Finding::Level::ok, "version",
        std::format("dspy {}, C++ {}, {}", version(), __cplusplus / 100 % 100, compiler()));
    const bool is_remote =
        flags_.model.contains('/') && !flags_.model.ends_with(".gguf") && !flags_.model.starts_with("llama:");
    if (examine_hardware() && !is_remote) {
      examine_memory();
      examine_model();
    }
    examine_outside(is_remote ? flags_.model : std::string(), findings_);
    return std::move(findings_);
  }

 private:
  static std::string compiler() {
#if defined(__clang__)
    return std::format("Clang {}.{}", __clang_major__, __clang_minor__);
#elif defined(__GNUC__)
    return std::format("GCC {}.{}", __GNUC__, __GNUC_MINOR__);
#else
    return "another compiler";
#endif
  }

  void add(Finding::Level level, std::string subject, std::string text) {
    findings_.push_back({level, std::move(subject), std::move(text)});
  }

  bool examine_hardware() {
    const auto hardware = attempt([] { return llama::Hardware::detect(); });
    if (!hardware) {
      add(Finding::Level::failure, "library", hardware.error().what());
      return false;
    }
    add(Finding::Level::ok, "library", hardware->library);
    for (const auto& device : hardware->devices) {
      add(Finding::Level::ok, "device",
          std::format("{} ({}), {:.1f} of {:.1f} GB free{}", device.name, device.description,
                      gigabytes(device.memory_free), gigabytes(device.memory_total),
                      device.software ? ", not a real GPU: its driver computes on the CPU" : ""));
    }
    add(Finding::Level::ok, "choice", hardware->reason);
    const auto& host = hardware->host;
    add(hardware->host.memory_free < 500'000'000 ? Finding::Level::warning : Finding::Level::ok, "host",
        std::format("{} cores ({} physical), {} threads recommended, {:.1f} of {:.1f} GB memory free",
                    host.logical_cores, host.physical_cores, hardware->threads, gigabytes(host.memory_free),
                    gigabytes(host.memory_total)));
    return true;
  }

  /// What a model and its engine take, before they are loaded.
  void examine_memory() {
    const auto name = flags_.model.empty() ? embedded_model() : flags_.model;
    if (name.empty()) return;
    std::optional<int> trained;
    const auto plan = attempt([&] {
      const auto info = llama::inspect_model(llama::ModelPool::shared()->find(model_name(name)));
      llama::EngineOptions options;
      if (flags_.context > 0) options.context_length = flags_.context;
      if (info.context_length > 0) trained = info.context_length;
      return llama::plan_memory(info, options, {.mmproj = option_of(name, "mmproj=")});
    });
    if (!plan && plan.error().code() == Errc::model_not_found) return;  // told when it is tried
    if (!plan) return add(Finding::Level::warning, "memory", plan.error().what());
    if (trained && flags_.context > *trained)
      add(Finding::Level::warning, "memory",
          std::format("--context {}: the model was trained for {} tokens, the most an engine accepts; this is the plan "
                      "for those",
                      flags_.context, *trained));
    const auto free = llama::HostFacts::read().memory_free;
    const auto megabytes = [](std::uint64_t bytes) { return static_cast<double>(bytes) / 1e6; };
    add(plan->total() > free ? Finding::Level::warning : Finding::Level::ok, "memory",
        std::format(
            "an engine with {} tokens for all prompts and replies together needs {:.0f} MB: {:.0f} weights, {:.0f} "
            "keys and values, {:.0f} compute buffers, {:.0f} logits{}; up to {:.0f} more for cached prompts{}",
            plan->kv_tokens, megabytes(plan->total()), megabytes(plan->weights), megabytes(plan->kv),
            megabytes(plan->scratch), megabytes(plan->scores),
            plan->senses == 0
                ? ""
                : std::format(", {:.0f} its image or audio part (mmproj), without that part's compute buffers",
                              megabytes(plan->senses)),
            megabytes(plan->host + plan->media),
            plan->total() > free ? "; that is more than is free: lower context_length or kv_tokens, or use kv_type=q8_0"
                                 : ""));
  }

  /// `llama:NAME?OPTIONS` → NAME.
  static std::string model_name(std::string_view model) {
    if (model.starts_with("llama:")) model.remove_prefix(6);
    return std::string(model.substr(0, model.find('?')));
  }

  /// `llama:NAME?mmproj=FILE` → FILE, as it is written.
  static std::string option_of(std::string_view model, std::string_view key) {
    for (auto at = model.find('?'); at != model.npos; at = model.find('&', at + 1)) {
      auto rest = model.substr(at + 1);
      if (rest.starts_with(key)) return std::string(rest.substr(key.size(), rest.find('&') - key.size()));
    }
    return {};
  }

  void examine_model() {
    const auto model = flags_.model.empty() ? embedded_model() : flags_.model;
    if (model.empty()) {
      add(Finding::Level::warning, "model", "the embedded model was not found; name one with --model FILE.gguf");
      return;
    }
    set_log_sink(
        [this](LogLevel, std::string_view component, std::string_view text) {
          if (component != "libllama") add(Finding::Level::warning, "model", std::string(text));
        },
        LogLevel::warning);
    const auto start = std::chrono::steady_clock::now();
    Capabilities can;
    const auto answer = attempt([&] {
      const auto asked = lm(model_uri(model));
      can = asked->capabilities();
      const Predictor ask(Signature::parse("question -> answer"),
                          {.lm = asked, .sampling = {.max_tokens = 64, .temperature = 0.0}});
      return ask({{"question", "What is the capital of France?"}});
    });
    const std::chrono::duration<double, std::milli> took = std::chrono::steady_clock::now() - start;
    set_log_sink({});
    if (answer) {
      add(Finding::Level::ok, "model",
          std::format("{} loads and answers in {:.0f} ms: {}", model, took.count(), shown(answer->at("answer"))));
    } else if (answer.error().code() == Errc::parse_error) {
      add(Finding::Level::warning, "model",
          std::format("{} loads, but does not follow the prompt format: {}", model, answer.error().what()));
    } else {
      add(Finding::Level::failure, "model", answer.error().what());
    }
    if (can.images || can.audio)
      add(Finding::Level::ok, "senses",
          std::format("reads {}{}",
                      can.images && can.audio ? "pictures and sounds"
                      : can.images            ? "pictures"
                                              : "sounds",
                      can.documents ? ", and pages of PDFs" : ""));
  }

  const DoctorFlags& flags_;
  std::vector<Finding> findings_;
};

int run_doctor(const DoctorFlags& flags) {
  const auto findings = Doctor(flags).examine();
  bool healthy = true;
  JsonArray list;
  for (const auto& finding : findings) {
    healthy = healthy && finding.level != Finding::Level::failure;
    if (flags.json) {
      list.push_back(
          JsonObject{{"level", to_string(finding.level)}, {"subject", finding.subject}, {"text", finding.text}});
    } else {
      print_line(std::format("{:<5} {:<8} {}", to_string(finding.level), finding.subject, finding.text));
    }
  }
  if (flags.json) print_json({{"healthy", healthy}, {"findings", std::move(list)}});
  return healthy ? exit_ok : exit_failed;
}

}  // namespace

void add_doctor(CLI::App& app, Plan& plan) {
  auto flags = std::make_shared<DoctorFlags>();
  auto* command = app.add_subcommand(
      "doctor", "Check the installation, the hardware, a model, and what dspy.toml names, and suggest fixes");
  command->add_option("-m,--model", flags->model, "The model to test [the embedded one]");
  command
      ->add_option("--context", flags->context,
                   "Plan memory for this many tokens of prompt and reply [the engine's default]")
      ->check(CLI::Range(1, 100'000'000));
  command->add_flag("--json", flags->json, "Print {\"healthy\", \"findings\"}");
  command->footer("Exits with 1 if something essential is missing.");
  command->callback([flags, &plan] { plan = [flags] { return run_doctor(*flags); }; });
}

}  // namespace dspy::app
