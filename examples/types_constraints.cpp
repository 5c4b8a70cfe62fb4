// Limits and checks of one's own.  Both are enforced on inputs and on replies; what breaks one is told by path and
// rule, and the model is asked again with what was wrong.

#include <dspy/dspy.hpp>
#include <dspy/lm/scripted.hpp>

#include <deque>
#include <iostream>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace {

struct Rate {
  static constexpr auto instructions = "Rate the review.";
  struct Input {
    std::string review;
  };
  struct Output {
    int stars = 0;
    std::string code;
    std::vector<std::string> tags;
  };
  static constexpr auto fields =
      dspy::describe(dspy::field<&Input::review>(dspy::min_length{1}), dspy::field<&Output::stars>(dspy::between(1, 5)),
                     dspy::field<&Output::code>(dspy::matches("^[A-Z]{2}-\\d+$")),
                     dspy::field<&Output::tags>(dspy::max_length{2}, dspy::unique{}));
  static constexpr auto validators =
      dspy::describe(dspy::validator("praise_has_tags", [](const Output& out) -> std::optional<std::string> {
        if (out.stars == 5 && out.tags.empty()) return "has five stars and no tag that says why";
        return std::nullopt;
      }));
};

}  // namespace

int main() {
  const auto lm = std::make_shared<dspy::ScriptedLM>(std::deque<std::string>{
      R"({"stars": 7, "code": "ab-1", "tags": ["fast", "fast"]})", R"({"stars": 5, "code": "AB-1", "tags": []})",
      R"({"stars": 5, "code": "AB-1", "tags": ["fast"]})"});
  const dspy::Predict<Rate> rate({.lm = lm, .adapter = dspy::adapter("json"), .policy = {.ask_again = 1}});

  const auto report = [](const dspy::Error& error) {
    for (const auto& violation : error.info().violations)
      std::cout << "  " << violation.path << " (" << violation.rule << "): " << violation.message << '\n';
  };
  for (const auto* review : {"Fast and quiet.", "Fast and quiet!", ""}) {
    const auto out = dspy::attempt([&] { return rate({.review = review}); });
    std::cout << '"' << review << "\": " << (out ? std::to_string(out->stars) + " stars" : "no rating") << '\n';
    if (!out) report(out.error());
  }
  std::cout << lm->requests().size() << " requests\n";
}
