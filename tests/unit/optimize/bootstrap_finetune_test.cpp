// BootstrapFinetune, with trainers that are shell commands and a model whose answers are its file of weights.

#include "dspy/optimize/bootstrap_finetune.hpp"

#include "dspy/base/error.hpp"
#include "dspy/base/file.hpp"
#include "support/folder.hpp"
#include "worlds.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

using namespace dspy;

namespace {

/// Right on every other question, as a model that still has to learn.
std::shared_ptr<LM> beginner() {
  return test::model_of([](const test::Asked& asked) {
    return asked.question % 2 == 0 ? std::format("a{}", asked.question) : std::string("?");
  });
}

/// The model of a file of weights: right wherever the file says so.
std::shared_ptr<LM> trained(const std::filesystem::path& weights) {
  const bool is_good = read_file(weights, 1000).contains("good");
  return test::model_of([is_good](const test::Asked& asked) {
    return is_good ? std::format("a{}", asked.question) : std::string("nothing");
  });
}

struct Scene {
  /// A trainer that runs `script` in a shell, and counts its runs.
  BootstrapFinetuneOptions options(const std::string& script) const {
    return {.metric = test::exact_match(),
            .folder = folder.path / "run",
            .trainer = {.argv = {"sh", "-c", "echo ran >> " + (folder.path / "count").string() + "; " + script,
                                 "trainer", "{data}", "{output}", "{name}"},
                        .output_extension = ".bin"},
            .open = [](const std::string&, const std::filesystem::path& weights) { return trained(weights); }};
  }
  std::size_t runs() const {
    return std::filesystem::exists(folder.path / "count")
               ? static_cast<std::size_t>(std::ranges::count(folder.read("count"), '\n'))
               : 0;
  }

  test::Folder folder;
  Program student = with_lm(Program(test::One()), beginner());
  Training training = {.trainset = test::examples_of(6), .valset = test::examples_of(6, 100)};
};

std::string why(const Scene& scene, BootstrapFinetuneOptions options) {
  const auto made =
      attempt([&] { return BootstrapFinetune(std::move(options)).compile(scene.student, scene.training); });
  REQUIRE_FALSE(made.has_value());
  return made.error().what();
}

}  // namespace

TEST_CASE("BootstrapFinetune trains on what went well, and returns the trained program if it is better") {
  const Scene scene;
  const auto options = scene.options("wc -l < \"$1\" > \"$2\"; echo good $3 >> \"$2\"; echo trained");
  const auto optimized = BootstrapFinetune(options).compile(scene.student, scene.training);
  const auto& report = optimized.report;
  CHECK(*report.candidates[0].score == 0.5);
  CHECK(*report.score() == 1);
  CHECK(report.chosen == 1);
  CHECK(report.details.at("examples") == 3);
  CHECK(report.details.at("weights").at("all") == Json((scene.folder.path / "run" / "all.bin").string()));
  CHECK(scene.folder.read("run/all.bin").contains("3\ngood all\n"));
  CHECK(scene.folder.read("run/all.log") == "trained\n");
  const auto data = scene.folder.read("run/all.jsonl");
  CHECK(std::ranges::count(data, '\n') == 3);
  CHECK(data.contains("Answer: a4"));
  CHECK(optimized.program({{"question", "q7"}}).at("answer") == Json("a7"));
  CHECK(scene.student({{"question", "q7"}}).at("answer") == Json("?"));

  // The same data and command: the weights that are there serve.
  const auto again = BootstrapFinetune(options).compile(scene.student, scene.training);
  CHECK(scene.runs() == 1);
  CHECK(*again.report.score() == 1);
  CHECK(again.report.notes.size() == 1);
  auto other = options;
  other.trainer.argv.emplace_back("--epochs=3");
  BootstrapFinetune(other).compile(scene.student, scene.training);
  CHECK(scene.runs() == 2);
}

TEST_CASE("Weights that make the program worse are not returned") {
  const Scene scene;
  const auto optimized = BootstrapFinetune(scene.options("echo bad > \"$2\"")).compile(scene.student, scene.training);
  CHECK(optimized.report.chosen == 0);
  CHECK(*optimized.report.candidates[1].score == 0);
}

TEST_CASE("Without multitask each predictor has weights of its own; without a way to open them they are only made") {
  Scene scene;
  scene.student = with_lm(Program(test::Two()), beginner());
  auto options = scene.options("echo good $3 > \"$2\"");
  options.multitask = false;
  const auto optimized = BootstrapFinetune(options).compile(scene.student, scene.training);
  CHECK(scene.runs() == 2);
  CHECK(scene.folder.read("run/plan.bin") == "good plan\n");
  CHECK(scene.folder.read("run/answer.bin") == "good answer\n");
  CHECK(*optimized.report.score() == 1);

  options.open = {};
  options.folder = scene.folder.path / "other";
  const auto made = BootstrapFinetune(options).compile(scene.student, scene.training);
  CHECK(made.report.chosen == 0);
  CHECK(made.report.details.at("weights").as_object().size() == 2);
}

TEST_CASE("A trainer that fails is an error with the end of its log") {
  const Scene scene;
  CHECK(why(scene, scene.options("echo 'no room on the card' >&2; exit 3")) ==
        "the trainer `sh` exited with code 3; its log `" + (scene.folder.path / "run" / "all.log").string() +
            "` ends:\nno room on the card");
  CHECK(why(scene, scene.options("kill -9 $$")).contains("was ended by signal 9; it printed nothing"));
  CHECK(why(scene, scene.options("true")).contains("all.bin` is not there; see its log"));
  CHECK(why(scene, scene.options(": > \"$2\"")).contains("all.bin` is empty"));
  auto gguf = scene.options("echo weights > \"$2\"");
  gguf.trainer.output_extension = ".gguf";
  CHECK(why(scene, gguf).contains("is not a GGUF file"));
  auto unknown = gguf;
  unknown.trainer.argv[0] = "no-such-trainer";
  CHECK(why(scene, unknown).contains("cannot start the trainer `no-such-trainer`"));
  auto hopeless = gguf;
  hopeless.metric_threshold = 2;
  CHECK(why(scene, hopeless).contains("there is nothing to train on"));
}

TEST_CASE("A trainer that takes too long, or is not wanted any more, is ended") {
  Scene scene;
  auto slow = scene.options("sleep 600 & sleep 600");
  slow.trainer.time_limit = std::chrono::seconds(0);
  CHECK(why(scene, slow).contains("exceeded its 0 s and was ended"));
  std::stop_source stop;
  scene.training.search.stop = stop.get_token();
  auto stopping = scene.options("sleep 600");
  stopping.metric = {"stops", [&](const Example&, const Prediction&) {
                       stop.request_stop();
                       return 1;
                     }};
  CHECK(attempt([&] { return BootstrapFinetune(stopping).compile(scene.student, scene.training); }).error().code() ==
        Errc::cancelled);
}

TEST_CASE("BootstrapFinetune refuses commands that cannot work") {
  const Scene scene;
  auto options = scene.options("true");
  options.trainer.argv = {};
  CHECK_THROWS_WITH_AS(BootstrapFinetune{options}, "BootstrapFinetune trains by a command: set `.trainer.argv`", Error);
  options.trainer.argv = {"train", "{data}"};
  CHECK_THROWS_WITH_AS(BootstrapFinetune{options},
                       "the trainer's command lacks `{output}`: it could not say where its weights are wanted", Error);
  options.trainer.argv = {"train", "{data}", "--out={output}", "{epochs}"};
  CHECK_THROWS_WITH_AS(BootstrapFinetune{options},
                       "the trainer's command names `{epochs}`, which has no value; use only `{data}`, "
                       "`{output}` and `{name}`",
                       Error);
  options.trainer.argv.pop_back();
  options.folder.clear();
  CHECK_THROWS_AS(BootstrapFinetune{options}, Error);
}
