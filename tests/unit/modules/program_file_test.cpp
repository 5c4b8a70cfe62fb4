#include "dspy/modules/program_file.hpp"

#include "dspy/base/error.hpp"
#include "dspy/lm/scripted.hpp"
#include "dspy/modules/chain_of_thought.hpp"

#include <doctest/doctest.h>

#include <fstream>
#include <random>

using namespace dspy;

namespace {

/// A folder of its own that goes away with the test.
struct Folder {
  std::filesystem::path path;

  Folder() : path(std::filesystem::temp_directory_path() / ("dspy-" + std::to_string(std::random_device{}()))) {
    std::filesystem::create_directories(path);
  }
  ~Folder() { std::filesystem::remove_all(path); }

  std::filesystem::path write(std::string_view name, std::string_view text) const {
    std::ofstream(path / name, std::ios::binary) << text;
    return path / name;
  }
};

std::string message_of(const std::filesystem::path& path, const std::optional<Signature>& signature = {}) {
  const auto result = attempt([&] { return load_program(path, signature); });
  REQUIRE_FALSE(result.has_value());
  return result.error().what();
}

bool contains(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

}  // namespace

TEST_CASE("A program file reads back as it was written") {
  const Folder folder;
  auto signature = Signature::parse("ticket, tags: list[str] -> label: Literal['a', 'b'], score: float", "Sort it.");
  signature = signature.with_updated_field("score", [](Field& field) {
    field.description = "How sure.";
    field.minimum = 0;
    field.maximum = 1;
    field.label = "Certainty";
  });
  ProgramFile program{.module = "Predict", .signature = signature, .demos = {}, .adapter = "field"};
  program.demos.emplace_back(JsonObject{{"ticket", "t"}, {"tags", {"x"}}, {"label", "a"}, {"score", 0.5}}, signature);

  save_program(folder.path / "p.json", program);

  CHECK(load_program(folder.path / "p.json") == program);
  CHECK_FALSE(std::filesystem::exists(folder.path / "p.json.part"));
}

TEST_CASE("A ChainOfThought is saved where Python DSPy looks for it") {
  const Folder folder;
  const ChainOfThought module("question -> answer");

  save_program(folder.path / "cot.json", to_program_file(module, "ChainOfThought"));
  const auto loaded = load_program(folder.path / "cot.json");

  CHECK(loaded.module == "ChainOfThought");
  CHECK(loaded.signature == module.signature());
  std::ifstream in(folder.path / "cot.json");
  const auto json = parse_json(std::string(std::istreambuf_iterator<char>(in), {}));
  CHECK(json->at("predict").at("signature").at("fields").as_array().size() == 3);
  CHECK(json->at("predict").at("signature").at("fields").at(0).at("description") == "${question}");
}

TEST_CASE("Files that Python DSPy saved load with the signature they were saved with") {
  const auto predict =
      load_program(DSPY_TEST_DIR "/cases/programs/predict.json", Signature::parse("question -> answer"));
  CHECK(predict.module == "Predict");
  CHECK(predict.signature.instructions == "Tuned instruction 0 for self: be exact.");
  REQUIRE(predict.demos.size() == 2);
  CHECK(predict.demos[1].inputs() == JsonObject{{"question", "x1"}});
  CHECK(predict.demos[1].outputs() == JsonObject{{"answer", "x1"}});

  const auto thought = load_program(DSPY_TEST_DIR "/cases/programs/cot.json", Signature::parse("question -> answer"));
  CHECK(thought.module == "ChainOfThought");
  CHECK(thought.signature.outputs[0].name == "reasoning");

  const auto predictor =
      to_predictor(predict, {.lm = std::make_shared<ScriptedLM>(std::deque<std::string>{"Answer: y"})});
  CHECK(predictor({{"question", "?"}}).at("answer") == "y");
}

TEST_CASE("A file that is no program says why") {
  const Folder folder;
  const auto plain = Signature::parse("question -> answer");

  CHECK(contains(message_of(folder.path / "absent.json"), "absent.json"));
  CHECK(contains(message_of(folder.path), "it is a directory"));
  CHECK(contains(message_of(folder.write("a.json", "{\"demos\": [")), "at byte"));
  CHECK(contains(message_of(folder.write("b.json", "[]")), "no JSON object"));
  CHECK(contains(message_of(folder.write("c.json", "{}")), "no predictor"));
  CHECK(contains(message_of(folder.write("d.json", R"({"signature": {"instructions": ""}})")), "--signature"));
  CHECK(contains(message_of(folder.write("e.json", R"({"dspy_cpp": {"version": 99}})")), "newer dspy"));
  CHECK(contains(message_of(folder.write("f.json", R"({"signature": 3})"), plain), "wrong kind"));
  CHECK(contains(message_of(folder.write("g.json", R"({"signature": {"fields": [{}]}})"), plain), "1 fields"));
  CHECK(contains(message_of(folder.write("h.json", R"({"signature": {}, "demos": [1]})"), plain), "demonstration"));
  CHECK(contains(message_of(DSPY_TEST_DIR "/cases/programs/rag.json", plain), "several predictors"));
}

TEST_CASE("A program that cannot be written leaves nothing behind") {
  const Folder folder;
  const ProgramFile program{.signature = Signature::parse("a -> b")};

  const auto result = attempt([&] { save_program(folder.path / "missing" / "p.json", program); });

  REQUIRE_FALSE(result.has_value());
  CHECK(result.error().code() == Errc::io_error);
  CHECK(std::filesystem::is_empty(folder.path));
}
