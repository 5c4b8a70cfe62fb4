// Each family's way of writing calls: the mask, the reader and the writer of it agree.

#include "dspy/base/error.hpp"
#include "dspy/base/file.hpp"
#include "dspy/base/json.hpp"
#include "dspy/llama/tool_contract.hpp"
#include "fake_runtime.hpp"
#include "llama/mask/contract.hpp"
#include "llama/mask/matcher.hpp"
#include "llama/model/marker_tokens.hpp"
#include "llama/tools/element_arguments.hpp"
#include "llama/tools/python_arguments.hpp"
#include "llama/tools/tool_call_holder.hpp"
#include "llama/tools/tool_calls.hpp"
#include "llama/tools/tool_prompt.hpp"
#include "support/mask/accepts.hpp"
#include "support/mask/vocabularies.hpp"
#include "support/mask/walk.hpp"
#include "tool_families.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstddef>
#include <format>
#include <memory>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

using namespace dspy;
using namespace dspy::llama;
using test::contract_of;
using test::families;
using test::Family;
using test::taken;

namespace {

std::shared_ptr<const mask::Vocabulary> vocabulary_of(const ToolFormat& format) {
  std::vector<std::string> pieces;
  for (int byte = 0; byte < 256; ++byte) pieces.emplace_back(1, static_cast<char>(byte));
  for (const auto& marker : format.markers()) pieces.push_back(marker);
  for (const char* piece : {"{\"", "\": ", "\", \"", "name", "\"}", "}]", "```", "</", "word", " \xC3\xA9"})
    pieces.emplace_back(piece);
  return test::vocabulary_with_end(std::move(pieces));
}

}  // namespace

TEST_CASE("what a family writes is what the mask allows, and is read as the calls it is") {
  for (const auto& [name, format, two_calls] : families()) {
    CAPTURE(name);
    const auto contract = contract_of(format);
    const auto grammar = mask::compile({}, &contract);
    for (const std::string_view before : {"", "I look.\n"}) {
      const auto reply = (before.empty() ? "" : format.text_mark + std::string(before)) + std::string(two_calls);
      CHECK(test::accepts(grammar, reply));
      const auto read = taken(reply, contract);
      CHECK(read.text == (before.empty() ? "" : "I look."));
      REQUIRE(read.tool_calls.size() == 2);
      CHECK(read.tool_calls[0].name == "add");
      CHECK(read.tool_calls[0].input == JsonObject{{"a", 1}});
      CHECK(read.tool_calls[1].name == "now");
      CHECK(read.tool_calls[0].id != read.tool_calls[1].id);
    }
    CHECK(test::accepts(grammar, format.text_mark + "No call."));
    CHECK_FALSE(test::accepts(grammar, std::string(two_calls) + " more"));
    CHECK_FALSE(test::accepts(grammar, format.marker()));
  }
}

TEST_CASE("whatever a mask allows of a family's calls is read, whatever a model writes by chance") {
  std::mt19937_64 random(7);
  for (const auto& [name, format, two_calls] : families()) {
    CAPTURE(name);
    auto contract = contract_of(format);
    contract.required = true;
    auto grammar = mask::compile({}, &contract);
    const auto constraint =
        std::make_shared<mask::Constraint>(std::move(grammar.pool), grammar.start, vocabulary_of(format));
    std::vector<std::string> exits = {"\"", "\"}", "1", "\\\"", "}", ")", format.tail(), format.value_after};
    int read = 0;
    for (int round = 0; round < 60; ++round) {
      const auto reply = test::random_reply(mask::Matcher(constraint), random, exits);
      if (!reply) continue;
      CAPTURE(*reply);
      const auto calls = taken(*reply, contract).tool_calls;
      REQUIRE_FALSE(calls.empty());
      for (const auto& call : calls) {
        CHECK((call.name == "add" ? call.input.at("a").is_number() : call.input.empty()));
        ++read;
      }
    }
    CHECK(read > 20);
  }
}

TEST_CASE("an argument that says how a call ends or begins stays an argument") {
  for (const auto& [name, format, two_calls] : families()) {
    CAPTURE(name);
    const auto contract = contract_of(format);
    const auto attack = format.tail() + format.closing + "\\" + '"' + std::string(format.marker()) + "}]}";
    const JsonObject input = {{"a", 1}, {"t", attack}};
    auto arguments = std::format("{{\"a\": 1, \"t\": {}}}", to_text(Json(attack)));
    if (format.python) arguments = write_python_arguments(input);
    if (!format.key_before.empty()) arguments = write_elements(input, format);
    const auto head = format.head("add");
    const std::string number = format.id_size == 0 ? "7" : "a1B2c3D4e";
    const auto reply = format.opening + head.first + (head.has_number ? number : "") + head.second + arguments +
                       format.tail() + format.closing;
    CHECK(test::accepts(mask::compile({}, &contract), reply));
    const auto calls = taken(reply, contract).tool_calls;
    REQUIRE(calls.size() == 1);
    CHECK(calls[0].input.at("t") == Json(attack));
  }
}

TEST_CASE("calls that are cut are told as such in every family, wherever the cut is") {
  for (const auto& [name, format, two_calls] : families()) {
    CAPTURE(name);
    const auto contract = contract_of(format);
    for (auto size = format.marker().size() + 1; size < two_calls.size(); ++size) {
      CAPTURE(size);
      const auto read =
          attempt([&] { return taken(std::string(two_calls.substr(0, size)), contract, FinishReason::length); });
      if (read) {  // what came is a whole call, or two
        CHECK_FALSE(read->tool_calls.empty());
      } else {
        CHECK(read.error().code() == Errc::parse_error);
      }
    }
  }
}

TEST_CASE("however a stream is cut, no piece of a call is told as text") {
  for (const auto& [name, format, two_calls] : families()) {
    CAPTURE(name);
    const auto reply = "Look: <[ \n" + std::string(two_calls);
    for (std::size_t size = 1; size <= reply.size(); ++size) {
      std::string told;
      const auto tell = [&](std::string_view piece) { told += piece; };
      ToolCallHolder holder(format);
      for (std::size_t at = 0; at < reply.size(); at += size)
        holder.push(std::string_view(reply).substr(at, size), tell);
      holder.finish(true, tell);
      CHECK(told == "Look: <[");
    }
  }
}

TEST_CASE("calls written as text are calls that are read") {
  for (const auto& [name, format, two_calls] : families()) {
    CAPTURE(name);
    const auto contract = contract_of(format);
    const ToolCallPart add{.id = "1", .name = "add", .input = {{"a", 1}}}, now{.id = "2", .name = "now", .input = {}};
    const auto text = with_tools_as_text({{Role::assistant, {TextPart{"I look."}, add, now}}}, nullptr, format);
    const auto read = taken(text[0].text(), contract);
    CHECK(read.text == "I look.");
    REQUIRE(read.tool_calls.size() == 2);
    CHECK(read.tool_calls[0].input == add.input);
    CHECK(read.tool_calls[1].name == "now");
    const auto described = with_tools_as_text({{Role::user, "Hi"}}, &contract, format)[0].text();
    CHECK(described.contains(format.marker()));
  }
}

TEST_CASE("a family is known by its template; formats whose arguments are elements are not taken for another") {
  const auto of = [](std::string_view name) {
    return ToolFormat::recognise(
        read_text(std::string(DSPY_TEST_DIR "/cases/chat_templates/") + std::string(name) + ".jinja", 1 << 20));
  };
  CHECK(of("chatml_tools") == ToolFormat::tagged());
  CHECK(of("llama3") == ToolFormat::bare());
  CHECK(of("mistral") == ToolFormat::mistral(" "));
  CHECK(of("deepseek_r1") == ToolFormat::deepseek(true));
  CHECK(of("granite") == ToolFormat::granite());
  CHECK(of("phi") == ToolFormat::phi());
  CHECK(of("glm") == ToolFormat::glm());
  CHECK(ToolFormat::recognise("<tool_call><function=x><parameter=y>") == ToolFormat::qwen_coder());
  for (const auto name : {"gemma", "smollm", "command_r"}) {
    CAPTURE(name);
    CHECK_FALSE(of(name).native);
  }
  CHECK(ToolFormat::recognise("[TOOL_CALLS]x[ARGS]") == ToolFormat::mistral_named());
  CHECK(ToolFormat::recognise("<｜tool▁calls▁begin｜><｜tool▁sep｜>") == ToolFormat::deepseek(false));
  CHECK(ToolFormat::recognise("<|START_ACTION|>[") == ToolFormat::command_r());
  CHECK(ToolFormat::recognise("<|start_header_id|> parameters <function=x>{}</function>") == ToolFormat::functionary());
  CHECK(ToolFormat::recognise("<|tool_calls_section_begin|>") == ToolFormat::kimi());
  CHECK(of("mistral_ids") == ToolFormat::mistral_ids());
  CHECK(of("functionary") == ToolFormat::functionary_marked());
  CHECK(of("gemma") == ToolFormat::gemma());
}

TEST_CASE("Kimi's calls get the ids that its template numbers them by") {
  const auto contract = contract_of(ToolFormat::kimi());
  Completion completion;
  completion.text = std::ranges::find(families(), "kimi", &Family::name)->two_calls;
  take_tool_calls(completion, contract, 4);
  CHECK(completion.tool_calls.at(0).id == "functions.add:3");
  CHECK(completion.tool_calls.at(1).id == "functions.now:4");
}

TEST_CASE("control tokens around calls stand for their names; the tokens that end replies never do") {
  test::FakeRuntime runtime;
  const auto model = runtime.load_model({});
  const ToolFormat format{.opening = "<|im_start|>[", .closing = "]<|im_end|><|unknown|>"};
  const MarkerTokens markers(*model, format);

  REQUIRE(markers.find(test::FakeRuntime::im_start) != nullptr);
  CHECK(*markers.find(test::FakeRuntime::im_start) == "<|im_start|>");
  CHECK(markers.find(test::FakeRuntime::im_end) == nullptr);
  CHECK(markers.find('[') == nullptr);
  const auto plain = [&](std::string_view text) { return model->tokenize(text, false); };
  CHECK(markers.tokenize("a<|im_start|>[<|im_start|>", plain) ==
        std::vector<Token>{'a', test::FakeRuntime::im_start, '[', test::FakeRuntime::im_start});
  CHECK(markers.tokenize("<|im_end|>", plain).size() == 10);
  CHECK(MarkerTokens().tokenize("<|im_start|>", plain).size() == 12);
}
