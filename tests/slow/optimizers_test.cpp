// Optimizers on the embedded model, with examples that are held out: what the guide's figures come from.

#include "dspy/base/error.hpp"
#include "dspy/base/random.hpp"
#include "dspy/evaluate/evaluate.hpp"
#include "dspy/llama/llama_lm.hpp"
#include "dspy/lm/scripted.hpp"
#include "dspy/modules/predict.hpp"
#include "dspy/optimize/bootstrap_few_shot.hpp"
#include "dspy/optimize/copro.hpp"
#include "dspy/optimize/mipro_v2.hpp"
#include "dspy/optimize/reanchor.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <span>
#include <string>
#include <vector>

using namespace dspy;

namespace {

std::shared_ptr<LM> embedded() {
  static const auto lm =
      std::make_shared<LlamaLM>(DSPY_MODEL_DIR "/dspy-tiny.gguf", LlamaOptions{.sampling = {.temperature = 0}});
  return lm;
}

Metric same(const std::string& field) {
  return {"same " + field,
          [field](const Example& gold, const Prediction& made) { return *gold.get(field) == made.at(field); }};
}

double score(const Program& program, const std::vector<Example>& rows, const Metric& metric) {
  return Evaluate({.metric = metric})(program, rows).score;
}

// --- Labels that only examples explain ---------------------------------------------------------------------------

constexpr std::array animals = {"tiger", "horse", "rabbit", "eagle", "shark", "whale", "monkey", "zebra",
                                "snake", "goat",  "wolf",   "bear",  "deer",  "mouse", "frog",   "camel"};
constexpr std::array vehicles = {"car",  "bus",   "truck",   "train", "boat",   "plane", "bicycle",
                                 "tram", "ferry", "scooter", "van",   "rocket", "taxi",  "tractor"};

/// `seed` decides which words are learned from, and which are held out.
struct Words {
  std::vector<Example> train, val, held_out;

  explicit Words(std::uint64_t seed) {
    std::vector<Example> all;
    for (const auto* word : animals) all.push_back(Example({{"item", word}, {"label", "river"}}, {"item"}));
    for (const auto* word : vehicles) all.push_back(Example({{"item", word}, {"label", "stone"}}, {"item"}));
    Random(seed).shuffle(std::span(all));
    train.assign(all.begin(), all.begin() + 8);
    val.assign(all.begin() + 8, all.begin() + 18);
    held_out.assign(all.begin() + 18, all.end());
  }
};

Program sorter() {
  return Predict("item -> label: Literal['river', 'stone']", {.lm = embedded()});
}

// --- Answers in a form that only an instruction explains ---------------------------------------------------------

struct Languages {
  std::vector<Example> train, val, held_out;

  Languages() {
    constexpr std::array names = {"Mara", "Tom", "Ida", "Leo", "Nora", "Sam", "Ella", "Finn", "Rosa", "Max"};
    constexpr std::array languages = {"French", "Spanish", "German", "Greek", "Turkish",
                                      "Arabic", "Hindi",   "Polish", "Dutch"};
    std::vector<Example> all;
    for (std::size_t i = 0; i < 36; ++i) {
      const std::string name = names.at(i % names.size());
      const std::string language = languages.at((i * 5 + i / 9) % languages.size());
      std::string capitals = language;
      std::ranges::transform(capitals, capitals.begin(),
                             [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
      all.push_back(Example({{"context", name + " speaks " + language + "."},
                             {"question", "What language does " + name + " speak?"},
                             {"answer", capitals}},
                            {"context", "question"}));
    }
    train.assign(all.begin(), all.begin() + 6);
    val.assign(all.begin() + 6, all.begin() + 18);
    held_out.assign(all.begin() + 18, all.end());
  }
};

/// Writes instructions as a larger model would; most are no use.
std::shared_ptr<LM> writer() {
  return std::make_shared<ScriptedLM>([n = 0](const Request& request) mutable -> std::string {
    constexpr std::array ideas = {"Answer the question from the context.",
                                  "Answer in a full sentence.",
                                  "Use capital letters only.",
                                  "Be brief.",
                                  "Answer in capitals.",
                                  "Reply in small letters."};
    const auto& outputs = request.contract.signature->outputs;
    if (!outputs.front().name.starts_with("proposed_")) return outputs.front().label + ": questions about people";
    auto reply = outputs.front().label + ": " + ideas.at(static_cast<std::size_t>(n++) % ideas.size());
    if (outputs.size() > 1) reply += "\n" + outputs[1].label + ": Answer";
    return reply;
  });
}

}  // namespace

TEST_CASE("Bootstrapped demonstrations teach the embedded model labels, on words it was not shown") {
  double before = 0, bootstrapped = 0, searched = 0, mipro = 0;
  constexpr int seeds = 3;
  const auto metric = same("label");
  for (std::uint64_t seed = 0; seed < seeds; ++seed) {
    const Words words(seed);
    const Training training{.trainset = words.train, .valset = words.val};
    before += score(sorter(), words.held_out, metric);
    bootstrapped +=
        score(BootstrapFewShot({.metric = metric, .max_labeled_demos = 4}).compile(sorter(), training).program,
              words.held_out, metric);
    searched +=
        score(BootstrapFewShotWithRandomSearch({.metric = metric, .max_labeled_demos = 6, .num_candidate_programs = 6})
                  .compile(sorter(), training)
                  .program,
              words.held_out, metric);
    mipro += score(MiproV2({.metric = metric, .prompt_model = writer()}).compile(sorter(), training).program,
                   words.held_out, metric);
  }
  MESSAGE("held out, mean of 3 seeds: as it was ", before / seeds, " %, BootstrapFewShot ", bootstrapped / seeds,
          " %, random search ", searched / seeds, " %, MIPROv2 light ", mipro / seeds, " %");
  CHECK(bootstrapped / seeds >= before / seeds + 20);
  CHECK(searched / seeds >= 85);
  CHECK(searched >= bootstrapped - 10 * seeds);
  CHECK(mipro >= bootstrapped - 10 * seeds);
}

TEST_CASE("A search of instructions finds the one that the form of the answers needs") {
  const Languages data;
  const auto metric = same("answer");
  const Training training{.trainset = data.train, .valset = data.val};
  const Program program = Predict("context, question -> answer", {.lm = embedded()});
  const double before = score(program, data.held_out, metric);
  const auto copro =
      Copro({.metric = metric, .prompt_model = writer(), .breadth = 6, .depth = 2}).compile(program, training);
  const double by_copro = score(copro.program, data.held_out, metric);
  const auto mipro =
      MiproV2({.metric = metric, .prompt_model = writer(), .max_bootstrapped_demos = 0, .max_labeled_demos = 0})
          .compile(program, training);
  const double by_mipro = score(mipro.program, data.held_out, metric);
  MESSAGE("held out: as it was ", before, " %, Copro ", by_copro, " %, MIPROv2 without demonstrations ", by_mipro,
          " %");
  CHECK(before <= 20);
  CHECK(by_copro >= 70);
  CHECK(by_mipro >= 70);
}

TEST_CASE("ReAnchor lifts a classifier that is sure of the wrong side, on tickets it was not shown") {
  // The model calls a ticket high only if it says so; this desk calls it low only if it says so.
  std::vector<Example> all;
  for (const std::string item :
       {"lamp",   "tent",   "chair",    "kettle", "radio", "bicycle", "phone",   "jacket",  "table",  "bottle",
        "laptop", "camera", "backpack", "guitar", "watch", "printer", "toaster", "speaker", "tablet", "keyboard"}) {
    const auto add = [&](const std::string& text, const std::string& priority) {
      all.push_back(Example({{"ticket", text}, {"priority", priority}}, {"ticket"}));
    };
    add("The package with the " + item + " is late.", "high");
    add("My " + item + " arrived broken.", "high");
    add("The package with the " + item + " is late. There is no rush.", "low");
    add("My " + item + " arrived broken. Take your time.", "low");
  }
  Random(0).shuffle(std::span(all));
  const std::vector<Example> train(all.begin(), all.begin() + 30), held_out(all.begin() + 30, all.end());
  const auto metric = same("priority");
  const auto skewed =
      Predict(Signature::parse("ticket -> priority: Literal['low', 'high']", "Sort the support ticket."),
              {.lm = embedded(), .decisions = {{"priority", {}}}});

  const auto anchored = ReAnchor({.metric = metric}).compile(skewed, {.trainset = train});

  const double before = score(skewed, held_out, metric), after = score(anchored.program, held_out, metric);
  for (const auto& note : anchored.report.notes) MESSAGE(note);
  MESSAGE("held out: as it was ", before, " %, after ReAnchor ", after, " %");
  CHECK(before <= 60);
  CHECK(after >= 95);
  CHECK_THROWS_AS(
      ReAnchor({.metric = metric}).compile(Predict("item -> label", {.lm = embedded()}), {.trainset = Words(0).train}),
      Error);
}
