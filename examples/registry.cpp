// A registry of programs: versions with their origin, an alias that moves only if a better version passes the gates,
// and the way back.  A script plays the model.

#include <dspy/dspy.hpp>
#include <dspy/lm/scripted.hpp>
#include <dspy/registry/promotion.hpp>
#include <dspy/registry/registry.hpp>

#include <filesystem>
#include <format>
#include <print>
#include <string>
#include <vector>

namespace {

/// Knows the capitals of small countries only if it is told to think of them.
std::string work(const dspy::Request& request) {
  std::string instructions, question;
  for (const auto& message : request.messages)
    (message.role == dspy::Role::system ? instructions : question) = message.text();
  const bool thinks = instructions.contains("small countries");
  if (question.contains("Question: small")) return thinks ? "Answer: capital of small" : "Answer: no idea";
  return "Answer: capital of large";
}

std::vector<dspy::Example> questions() {
  std::vector<dspy::Example> out;
  for (int i = 0; i < 40; ++i) {
    const std::string size = i % 2 == 0 ? "small" : "large";
    out.push_back(dspy::Example(
        {{"question", std::format("{} {}", size, i)}, {"answer", "capital of " + size}, {"size", size}}, {"question"}));
  }
  return out;
}

}  // namespace

int main() {
  const auto lm = std::make_shared<dspy::ScriptedLM>(work);
  const auto program = [&](const std::string& instruction) {
    return dspy::Predict(dspy::Signature::parse("question -> answer", instruction), {.lm = lm});
  };
  const auto first = program("Name the capital."), second = program("Name the capital. Think of small countries.");
  const auto other = dspy::Predict("country -> answer", {.lm = lm});

  const auto folder = std::filesystem::temp_directory_path() / "dspy-registry-example";
  std::filesystem::remove_all(folder);
  std::filesystem::create_directories(folder);
  {
    dspy::Registry registry(folder / "programs.sqlite");
    for (const auto& each : {first, second, other}) {
      const auto made = registry.add("capitals", dspy::to_program_file(each));
      std::println("{}:{} is {}", made.name, made.number, dspy::to_string(made.version));
    }
    registry.move_alias("capitals", "production", {}, 1, "the first one");

    const dspy::Evaluate evaluate({.metric = dspy::metrics::exact_match()});
    const auto champion = evaluate(first, questions()), challenger = evaluate(second, questions());
    const auto offer = [&](std::int64_t version) {
      const auto gates =
          dspy::promote(registry, "capitals", version, "production", champion, challenger, {.slice_by = "size"});
      for (const auto& gate : gates) std::println("  {} {}: {}", gate.is_passed ? "+" : "-", gate.gate, gate.text);
      std::println("production is {}", *registry.alias("capitals", "production"));
    };
    std::println("version 3 has other inputs:");
    offer(3);
    std::println("version 2 is better:");
    offer(2);
    std::println("back to {}", registry.rollback("capitals", "production"));
    for (const auto& event : registry.history("capitals")) {
      if (!event.alias.empty())
        std::println("  {} -> {}: {}", event.from ? std::to_string(*event.from) : "none", *event.to, event.reason);
    }
  }
  std::filesystem::remove_all(folder);
}
