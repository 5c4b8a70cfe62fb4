// Programs as Python DSPy 3.4.1 saves them: tests/cases/dspy/3.4.1/states.

#include "dspy/base/error.hpp"
#include "dspy/base/file.hpp"
#include "dspy/modules/chain_of_thought.hpp"
#include "dspy/modules/predict.hpp"
#include "dspy/programs/program_file.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <format>

using namespace dspy;

namespace {

constexpr std::string_view folder = DSPY_TEST_DIR "/cases/dspy/3.4.1/";

std::string file(std::string_view name) {
  return read_file(std::string(folder) + std::string(name), 1 << 20);
}

std::vector<std::string> texts(const Json& list) {
  std::vector<std::string> out;
  for (const auto& item : list.as_array()) out.emplace_back(item.as_string());
  return out;
}

/// A state of one predictor with these two fields.
std::string state(std::string_view first, std::string_view second) {
  return std::format(
      R"({{"traces": [], "train": [], "demos": [], "signature": {{"instructions": "Fix it.", "fields": [{}, {}]}}, "lm": null}})",
      first, second);
}

}  // namespace

TEST_CASE("Every state that Python DSPy 3.4.1 saved is read, and written again member for member") {
  std::size_t count = 0;
  auto lines = file("states.jsonl");
  for (std::string_view rest = lines; !rest.empty();) {
    const auto line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(line.size() + 1, rest.size()));
    const auto row = parse_json(line)->as_object();
    const std::string name(row.at("file").as_string());
    CAPTURE(name);
    const auto text = file(name);
    ++count;

    const auto program = read_program(text);

    const auto& predictors = row.at("predictors").as_object();
    REQUIRE(program.predictors.size() == predictors.size());
    for (const auto& [path, described] : predictors) {
      const auto* const saved = program.find(path);
      REQUIRE(saved != nullptr);
      auto notation = std::string();
      for (const auto& input : texts(described.at("inputs")))
        notation.append(notation.empty() ? "" : ", ").append(input);
      notation += " -> ";
      const auto outputs = texts(described.at("outputs"));
      for (std::size_t i = 0; i < outputs.size(); ++i) notation.append(i == 0 ? "" : ", ").append(outputs[i]);
      CHECK(differences(*saved, Signature::parse(notation)) == std::vector<std::string>());
      CHECK(saved->demos.size() == described.at("demos").to_number<std::size_t>());
    }

    auto written = parse_json(to_text(program))->as_object();
    written.erase("dspy_cpp");
    CHECK(written == parse_json(text)->as_object());
  }
  CHECK(count == 16);
}

TEST_CASE("What DSPy 3.4 knows of decisions stays in the file through a program") {
  Predict<> program("ticket -> spam: bool, kind: Literal['bug', 'other'], mood: float, urgent: bool");
  const auto known = read_program(file("states/fields.json"));

  apply(known, program);
  const auto written = parse_json(to_text(to_program_file(program, known)));

  CHECK(written->at("fields") == parse_json(file("states/fields.json"))->at("fields"));
}

TEST_CASE("Pictures, recordings and files in Python's demonstrations are values here, and marks again in the file") {
  Predict<> program("question, picture: Image -> answer");
  const auto saved = read_program(file("states/demos_image.json"));

  apply(saved, program);

  REQUIRE(program.demos().size() == 2);
  CHECK(*program.demos()[1].get("picture") == JsonObject{{"url", "https://example.org/a.png"}});
  CHECK(to_program_file(program).predictors[0].demos == saved.predictors[0].demos);

  const auto signature = Signature::parse(
      "sounds: list[Audio], file: File | None, text, by_name: dict[str, Image], doc: P{at: File} -> a");
  constexpr std::string_view data = R"({
    "sounds": ["<<CUSTOM-TYPE-START-IDENTIFIER>>[{\"type\": \"input_audio\", \"input_audio\": {\"data\": \"AAAA\", \"format\": \"wav\"}}]<<CUSTOM-TYPE-END-IDENTIFIER>>"],
    "file": "<<CUSTOM-TYPE-START-IDENTIFIER>>[{\"type\": \"file\", \"file\": {\"file_data\": \"data:text/plain;base64,QQ==\", \"filename\": \"a.txt\"}}]<<CUSTOM-TYPE-END-IDENTIFIER>>",
    "text": "<<CUSTOM-TYPE-START-IDENTIFIER>>[{\"type\": \"image_url\", \"image_url\": {\"url\": \"https://a\"}}]<<CUSTOM-TYPE-END-IDENTIFIER>>",
    "by_name": {"x": "<<CUSTOM-TYPE-START-IDENTIFIER>>[{\"type\": \"image_url\", \"image_url\": {\"url\": \"https://a\"}}]<<CUSTOM-TYPE-END-IDENTIFIER>>"},
    "doc": {"at": "<<CUSTOM-TYPE-START-IDENTIFIER>>[{\"type\": \"file\", \"file\": {\"file_id\": \"f1\"}}]<<CUSTOM-TYPE-END-IDENTIFIER>>"},
    "a": "b"})";
  const auto raw = parse_json(data)->as_object();
  const Example example(raw, signature);

  CHECK(to_text(*example.get("sounds")) == R"([{"data":"AAAA","audio_format":"wav"}])");
  CHECK(to_text(*example.get("file")) == R"({"url":"data:text/plain;base64,QQ==","filename":"a.txt"})");
  CHECK(*example.get("text") == raw.at("text"));  // no medium by its type
  CHECK(to_text(*example.get("by_name")) == R"({"x":{"url":"https://a"}})");
  CHECK(to_text(*example.get("doc")) == R"({"at":{"file_id":"f1"}})");
  CHECK(to_program_file(Predict(signature, {.demos = {example}})).predictors[0].demos[0] == raw);
}

TEST_CASE("A medium that Python's marks cannot hold, or a mark that cannot be read, stays as it is") {
  const auto signature = Signature::parse("picture: Image -> a");
  for (
      const std::string_view value :
      {R"({"path":"a.png"})", R"({"data":"AAAA"})",
       R"("<<CUSTOM-TYPE-START-IDENTIFIER>>[{]<<CUSTOM-TYPE-END-IDENTIFIER>>")",
       R"("<<CUSTOM-TYPE-START-IDENTIFIER>>[{\"type\": \"file\", \"file\": {\"file_id\": \"x\"}}]<<CUSTOM-TYPE-END-IDENTIFIER>>")",
       R"("<<CUSTOM-TYPE-START-IDENTIFIER>>")"}) {
    CAPTURE(value);
    const JsonObject data = {{"picture", *parse_json(value)}, {"a", "b"}};
    const Example example(data, signature);
    CHECK(example.data == data);
    CHECK(to_program_file(Predict(signature, {.demos = {example}})).predictors[0].demos[0] == data);
  }
}

TEST_CASE("A description in `${…}` names a field only where it can be its name") {
  struct Case {
    std::string_view first;
    std::string_view second;
    std::string_view difference;  ///< Empty: it fits.
  };
  const Case cases[] = {
      {R"({"prefix": "A:", "description": "${a}"})", R"({"prefix": "B:", "description": "${the corrected text}"})", ""},
      {R"({"prefix": "A:", "description": "${a}"})", R"({"prefix": "B:", "description": "${}"})", ""},
      {R"({"prefix": "A:", "description": "${a}"})", R"({"prefix": "Fixed:", "description": "${corrected text}"})", ""},
      {R"({"prefix": "A:", "description": "${a}"})", R"({"prefix": "B:", "description": "${correction}"})", ""},
      {R"({"prefix": "A:", "description": "${a}"})", R"({"prefix": "C:", "description": "${c}"})",
       "field 2 is `b` in the program and `c` in the file"},
      {R"({"prefix": "B:", "description": "${b}"})", R"({"prefix": "A:", "description": "${a}"})",
       "field 1 is `a` in the program and `b` in the file"},
      {R"({"prefix": "B:", "description": "${the input}"})", R"({"prefix": "A:", "description": "Out."})",
       "field 1 is `a` in the program and `b` in the file"},
  };
  for (const auto& [first, second, difference] : cases) {
    CAPTURE(first);
    CAPTURE(second);
    const auto saved = read_program(state(first, second)).predictors[0];
    const auto found = differences(saved, Signature::parse("a -> b"));
    CHECK((found.empty() ? "" : found[0]) == difference);
  }
  const auto saved = read_program(state(R"({"prefix": "A:", "description": "${a}"})",
                                        R"({"prefix": "B:", "description": "${the corrected text}"})"));
  const auto merged = merged_signature(saved.predictors[0], Signature::parse("a -> b"));
  CHECK(merged.find("a")->description.empty());
  CHECK(merged.find("b")->description == "${the corrected text}");
}

TEST_CASE("A program without instructions has Python's default ones in Python, and none here") {
  struct Program {
    Predict<> first{"a, b -> c"};
    ChainOfThought<> second{"question -> answer"};
    Predict<> joke{"-> joke"};
    Predict<> own{Signature::parse("a -> b", "Given the fields `a`, produce the fields `b`.")};
  };

  const auto text = to_text(to_program_file(Program()));
  const auto root = parse_json(text)->as_object();
  const auto instructions = [&](std::string_view path) {
    return std::string(root.at(path).at("signature").at("instructions").as_string());
  };
  Program loaded;
  apply(read_program(text), loaded);

  CHECK(instructions("first") == "Given the fields `a`, `b`, produce the fields `c`.");
  CHECK(instructions("second.predict") == "Given the fields `question`, produce the fields `answer`.");
  CHECK(instructions("joke") == "Given the fields , produce the fields `joke`.");
  CHECK(loaded.first.signature().instructions.empty());
  CHECK(loaded.second.signature().instructions.empty());
  CHECK(loaded.own.signature().instructions == "Given the fields `a`, produce the fields `b`.");
  CHECK(to_text(to_program_file(loaded)) == text);
}
