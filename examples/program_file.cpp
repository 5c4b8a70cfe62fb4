// Programs as files: a program of two steps is read from TOML and run on the embedded model, and one written in C++ is
// exported to such a file.

#include <dspy/dspy.hpp>
#include <dspy/flow/flow.hpp>

#include <print>
#include <string>

namespace {

struct Support {
  dspy::Predict<> triage{"ticket -> team"};
  dspy::ChainOfThought<> draft{"ticket, team -> answer"};

  dspy::Async<dspy::Prediction> run(dspy::JsonObject inputs, dspy::Run how) const {
    auto sorted = co_await triage.run(inputs, how);
    inputs["team"] = sorted.at("team");
    co_return co_await draft.run(std::move(inputs), how);
  }
};

}  // namespace

int main() {
  auto flow = dspy::load_flow("examples/tutorial/ask.toml").flow;
  flow.set_lms([](const std::string& model) { return dspy::lm(model); });
  const auto out =
      flow({{"context", "Mara lives in Oslo. Tom works as a baker."}, {"question", "Where does Mara live?"}});
  std::println("answer: {}\nsentence: {}", dspy::to_text(out.at("answer")), dspy::to_text(out.at("sentence")));

  const auto exported = dspy::flow_of(Support(), {dspy::make_field("ticket")});
  std::println("{}", dspy::to_text(dspy::to_json(exported.plan())));

  // What is wrong is said with its place.
  const auto wrong = dspy::attempt([] {
    return dspy::parse_flow_plan("inputs = \"ticket\"\n\n[[steps]]\nname = \"sort\"\nsignature = \"mail -> team\"\n",
                                 "support.toml");
  });
  std::println("{}", wrong.error().what());
}
