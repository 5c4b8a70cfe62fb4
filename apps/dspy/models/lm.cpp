#include "dspy/lm/lm.hpp"

#include "command.hpp"
#include "dspy/base/wait.hpp"
#include "dspy/lm/events.hpp"
#include "operations.hpp"

#ifdef DSPY_WITH_PROVIDERS
#include "dspy/providers/dialect.hpp"
#endif

#include <chrono>
#include <cstdlib>
#include <format>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace dspy::app {
namespace {

struct LmFlags {
  std::string model;
  std::string question = "Answer with one word: which colour is the sky on a clear day?";
  bool json = false;
};

struct ProviderRow {
  std::vector<std::string> words = {};  ///< That model strings begin with.
  std::string title = {};
  std::string base_url = {};
  std::vector<std::string> variables = {};
  std::string set = {};  ///< The variable that holds a key; empty if none does.
  bool needs_key = true;
};

std::vector<ProviderRow> provider_rows() {
  std::vector<ProviderRow> rows;
#ifdef DSPY_WITH_PROVIDERS
  for (const auto& dialect : dialects()) {
    ProviderRow row{
        .title = std::string(dialect.title), .base_url = std::string(dialect.base_url), .needs_key = dialect.needs_key};
    for (const auto& each : dialect_words())
      if (each.dialect == dialect.name) row.words.emplace_back(each.word);
    for (const auto name : dialect.base_url_variables) {
      const char* const value = name.empty() ? nullptr : std::getenv(std::string(name).c_str());
      if (value == nullptr || *value == '\0') continue;
      row.base_url = value;
      break;
    }
    for (const auto name : dialect.key_variables) {
      if (name.empty()) continue;
      const char* const value = std::getenv(std::string(name).c_str());
      if (value != nullptr && *value != '\0' && row.set.empty()) row.set = name;
      row.variables.emplace_back(name);
    }
    rows.push_back(std::move(row));
  }
#endif
  return rows;
}

std::string joined(const std::vector<std::string>& texts) {
  std::string out;
  for (const auto& text : texts) out.append(out.empty() ? "" : ", ").append(text);
  return out;
}

int list_providers(const LmFlags& flags) {
  const auto rows = provider_rows();
  if (rows.empty())
    throw Error(Errc::unsupported,
                "this program was built without remote models; install libcurl4-openssl-dev, and rebuild");
  if (flags.json) {
    JsonArray all;
    for (const auto& row : rows)
      all.push_back(JsonObject{{"names", JsonArray(row.words.begin(), row.words.end())},
                               {"provider", row.title},
                               {"base_url", row.base_url},
                               {"key_variables", JsonArray(row.variables.begin(), row.variables.end())},
                               {"key_set", !row.set.empty()},
                               {"needs_key", row.needs_key}});
    print_json({{"providers", std::move(all)}});
    return exit_ok;
  }
  print_line(std::format("{:<26} {:<42} {}", "MODEL STRING", "ADDRESS", "KEY"));
  for (const auto& row : rows) {
    const auto key = !row.set.empty() ? row.set + " (set)"
                     : row.needs_key  ? joined(row.variables) + " (not set)"
                                      : "none needed";
    print_line(std::format("{:<26} {:<42} {}", joined(row.words) + "/…",
                           row.base_url.empty() ? "give ?base_url=…" : row.base_url, key));
  }
  print_line("llama:FILE                 in this process                            none needed");
  return exit_ok;
}

double milliseconds(std::chrono::steady_clock::duration time) {
  return std::chrono::duration<double, std::milli>(time).count();
}

/// One question, streamed, with everything that came back but its text.
int test_model(const LmFlags& flags) {
  const auto model = make_lm(flags.model);
  const auto start = std::chrono::steady_clock::now();
  std::optional<std::chrono::steady_clock::duration> first;
  const auto reply = wait(model->stream({.messages = {{Role::user, flags.question}}}, [&](const StreamEvent& event) {
    if (!event.text.empty() && !first) first = std::chrono::steady_clock::now() - start;
  }));
  const auto all = std::chrono::steady_clock::now() - start;
  JsonArray adaptations;
  for (const auto& each : reply.adaptations)
    adaptations.push_back(
        JsonObject{{"field", each.field}, {"action", to_string(each.action)}, {"reason", each.reason}});
  if (flags.json) {
    JsonObject out{{"model", reply.model},
                   {"text", reply.text()},
                   {"finish", to_string(reply.completion().finish)},
                   {"usage", dspy::to_json(reply.usage)},
                   {"milliseconds", milliseconds(all)}};
    if (first) out["milliseconds_to_first"] = milliseconds(*first);
    if (!adaptations.empty()) out["adaptations"] = std::move(adaptations);
    print_json(out);
    return exit_ok;
  }
  print_line(reply.text());
  print_line(std::format("model {}, finish {}, {:.0f} ms{}", reply.model, to_string(reply.completion().finish),
                         milliseconds(all),
                         first ? std::format(", first text after {:.0f} ms", milliseconds(*first)) : ""));
  print_line("usage " + to_text(dspy::to_json(reply.usage)));
  for (const auto& each : reply.adaptations)
    print_line(std::format("{} {}: {}", to_string(each.action), each.field, each.reason));
  return exit_ok;
}

}  // namespace

void add_lm(CLI::App& app, Plan& plan) {
  auto flags = std::make_shared<LmFlags>();
  auto* command = app.add_subcommand("lm", "List and test models, and configure them in dspy.toml");
  command->require_subcommand(1);
  auto* list =
      command->add_subcommand("list", "List providers: the prefix of their model strings, their addresses, their keys");
  list->add_flag("--json", flags->json, "Print {\"providers\": […]}");
  list->callback([flags, &plan] { plan = [flags] { return list_providers(*flags); }; });
  auto* test = command->add_subcommand("test", "Ask a model one short question, and report the reply");
  test->add_option("model", flags->model, "Such as openai/gpt-5.4-mini, or a GGUF file")->required();
  test->add_option("question", flags->question, "What to ask")->capture_default_str();
  test->add_flag("--json", flags->json, "Print {\"model\", \"text\", \"finish\", \"usage\", \"milliseconds\", …}");
  test->callback([flags, &plan] { plan = [flags] { return test_model(*flags); }; });
  add_lm_show(*command, plan);
  add_lm_add(*command, plan);
  command->footer(
      "Examples:\n"
      "  dspy lm list\n"
      "  dspy lm test openai/gpt-5.4-mini\n"
      "  dspy lm test \"ollama/llama3.2?temperature=0\"");
}

}  // namespace dspy::app
