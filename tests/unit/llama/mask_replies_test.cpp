#include "dspy/adapters/adapter.hpp"
#include "dspy/adapters/chat_adapter.hpp"
#include "dspy/adapters/field_adapter.hpp"
#include "dspy/adapters/json_adapter.hpp"
#include "dspy/adapters/xml_adapter.hpp"
#include "llama/mask/contract.hpp"
#include "llama/mask/matcher.hpp"
#include "support/held_reply.hpp"
#include "support/mask/vocabularies.hpp"
#include "support/mask/walk.hpp"
#include "support/signatures.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <memory>
#include <random>
#include <string>
#include <vector>

using namespace dspy;
using namespace dspy::llama::mask;

namespace {

std::shared_ptr<const Vocabulary> walk_vocabulary() {
  std::vector<std::string> pieces;
  for (int byte = 0; byte < 256; ++byte) pieces.emplace_back(1, static_cast<char>(byte));
  for (const char* piece : {"Answer",
                            " answer",
                            "Answer:",
                            "answer",
                            "next",
                            "Next step",
                            "_step",
                            ": ",
                            ":\n",
                            "\n\n",
                            "```",
                            "``",
                            "\n```\n",
                            "[[",
                            "[[ ##",
                            " ## ]]",
                            "##",
                            "]]",
                            "completed",
                            "[[ ## answer ## ]]",
                            "\\",
                            "\\\\",
                            "\\n",
                            "\\\"",
                            "\"",
                            "\", \"",
                            "none",
                            "None",
                            "null",
                            "N/A",
                            "true",
                            "- ",
                            "* ",
                            "**",
                            "1. ",
                            "> ",
                            "<",
                            "</",
                            "<answer>",
                            "</answer>",
                            "&",
                            "&lt;",
                            "&amp;",
                            "word",
                            " another",
                            "\xE2\x80\xA2",
                            "\xEF\xBC\x9A",
                            "\xE2\x80\x9C",
                            "\xC3\xA9",
                            "\xF0\x9F\x98\x80",
                            "Question: ",
                            "<think>",
                            "</think>",
                            "{",
                            "}",
                            "{\"",
                            "\": ",
                            "0",
                            "00",
                            "12",
                            ".5",
                            "e5",
                            " "})
    pieces.emplace_back(piece);
  return test::vocabulary_with_end(std::move(pieces));
}

std::vector<std::string> exits_of(const Signature& signature) {
  std::vector<std::string> out = {"\"", "]", "}", "\",", "\"]", "\"}", "\n\n[[ ## completed ## ]]"};
  // What readers make something of elsewhere: echoes of prompts and schemas, thoughts, other notations.
  for (const char* text :
       {R"({"type": "string"})", R"("type": "string")", R"({"properties": {)", "</think>", "[/THINK]",
        "<|channel|>final<|message|>", "assistantanalysis", "assistantfinal", "<|END_THINKING|>", "(1, 2)", "‘a’",
        "0x1F", "[1, 2]", ": [1]", R"({"a": 1})", R"(, "a": 1)"})
    out.emplace_back(text);
  for (const auto& field : signature.outputs) {
    out.push_back("{" + field.name + "}");
    out.push_back("\n" + field.label + ": ");
    out.push_back("\n\n[[ ## " + field.name + " ## ]]\n");
    out.push_back("\n</" + field.name + ">");
  }
  return out;
}

void check_replies(const Adapter& adapter, std::uint64_t first_seed, int signatures) {
  const auto vocabulary = walk_vocabulary();
  int ended = 0;
  int walks = 0;
  for (int i = 0; i < signatures; ++i) {
    const auto seed = first_seed + static_cast<std::uint64_t>(i);
    CAPTURE(seed);
    test::SignatureMaker maker(seed);
    const auto signature = std::make_shared<const Signature>(maker.make());
    CAPTURE(to_notation(*signature));
    const auto exchange = adapter.prepare(signature);
    auto grammar = compile(exchange->contract());
    const auto constraint = std::make_shared<Constraint>(std::move(grammar.pool), grammar.start, vocabulary);
    const auto exits = exits_of(*signature);
    for (int walk = 0; walk < 6; ++walk) {
      ++walks;
      const auto reply = test::random_reply(Matcher(constraint), maker.random(), exits);
      if (!reply) continue;
      ++ended;
      CAPTURE(*reply);
      CHECK(test::fault_of_held(*exchange, *reply, descriptions(grammar.unenforced)) == "");
    }
  }
  CHECK(ended * 10 > walks * 8);
}

}  // namespace

TEST_CASE("whatever is written under the mask of labelled lines is read without a repair") {
  check_replies(FieldAdapter(), 1, 60);
}

TEST_CASE("whatever is written under the mask of markers is read without a repair") {
  check_replies(ChatAdapter(), 1000, 60);
}

TEST_CASE("whatever is written under the mask of a JSON object is read without a repair") {
  check_replies(JsonAdapter(), 2000, 60);
}

TEST_CASE("whatever is written under the mask of elements is read without a repair") {
  check_replies(XmlAdapter(), 3000, 60);
}

TEST_CASE("whatever is written under the mask of literal elements is read without a repair") {
  check_replies(XmlAdapter({.profile = Profile::dspy_3_5}), 4000, 60);
}

TEST_CASE("every text output is held, and none begins with its name in braces, which prompts show") {
  const auto vocabulary = walk_vocabulary();
  for (const auto* const type :
       {"str", "Optional[str]", "Code['python']", "Optional[Code['python']]", "Union[int, str]",
        "Optional[Union[int, str]]", "Reasoning", "Annotated[str, Field(max_length=20)]"}) {
    CAPTURE(type);
    const auto signature =
        std::make_shared<const Signature>(Signature::parse(std::string("q -> größe_2: ") + type + ", b: int"));
    for (const auto* const name : {"field", "chat", "json", "xml", "xml@dspy-3.5"}) {
      CAPTURE(name);
      const auto exchange = adapter(name)->prepare(signature);
      auto grammar = compile(exchange->contract());
      CHECK(grammar.unenforced.empty());
      const auto constraint = std::make_shared<Constraint>(std::move(grammar.pool), grammar.start, vocabulary);
      Matcher matcher(constraint);
      const std::string_view form = name;
      REQUIRE(matcher.accept_text(form == "field"  ? "Größe 2: "
                                  : form == "chat" ? "[[ ## größe_2 ## ]]\n"
                                  : form == "json" ? "{\n  \"größe_2\": \""
                                                   : "<größe_2>"));
      if (form == "xml") matcher.accept_text("\n");
      CHECK_FALSE(matcher.accept_text("{größe_2}"));
      CHECK(matcher.accept_text("{größe_3}"));
    }
  }
}

TEST_CASE("a text in a union never looks like the union's list or object") {
  const auto vocabulary = walk_vocabulary();
  std::mt19937_64 random(43);
  const auto signature = std::make_shared<const Signature>(Signature::parse(
      "q -> v: Union[list[int], str], w: Union[P{a: int}, str], x: Optional[Union[dict[str, int], str]]"));
  for (const auto* const name : {"field", "chat", "json", "xml", "xml@dspy-3.5"}) {
    const auto exchange = adapter(name)->prepare(signature);
    auto grammar = compile(exchange->contract());
    const auto constraint = std::make_shared<Constraint>(std::move(grammar.pool), grammar.start, vocabulary);
    for (int walk = 0; walk < 60; ++walk) {
      const auto reply = test::random_reply(Matcher(constraint), random, exits_of(*signature));
      if (!reply) continue;
      CAPTURE(name);
      CAPTURE(*reply);
      const auto reading = exchange->parse(*reply);
      REQUIRE_MESSAGE(reading.has_value(), reading.error().message());
      for (const auto& flag : reading->flags) CHECK(flag.repair == "duplicate_key");
    }
  }
}

TEST_CASE("choices of any text are held in elements, also as items and keys") {
  const auto vocabulary = walk_vocabulary();
  const std::vector<std::string> parts = {"<",  "&", "</v>", "</item>", "<v/>", "&lt;", " ",   "\n", "]]>", "<![CDATA[",
                                          "\"", "'", "None", "a",       "b c",  "1",    "<i>", "/",  ">"};
  std::mt19937_64 random(41);
  for (int round = 0; round < 60; ++round) {
    std::vector<Json> choices;
    while (choices.size() < 4) {
      std::string text = "x";
      for (auto left = random() % 4; left > 0; --left)
        text.insert(random() % (text.size() + 1), parts[random() % parts.size()]);
      if (text.ends_with("\r") || std::ranges::contains(choices, Json(text))) continue;
      choices.emplace_back(text);
    }
    const auto choice = Type::literal(choices);
    const auto signature = std::make_shared<const Signature>(
        Signature{.inputs = {make_field("q")},
                  .outputs = {make_field("v", choice), make_field("items", Type::list(choice, {.max_length = 3})),
                              make_field("set", Type::list(choice, {.unique_items = true})),
                              make_field("keys", Type::dict(choice, Type::optional(choice), {.max_length = 3}))}});
    for (const auto profile : {Profile::dspy_3_4, Profile::dspy_3_5}) {
      const auto exchange = XmlAdapter({.profile = profile}).prepare(signature);
      auto grammar = compile(exchange->contract());
      for (const auto& part : grammar.unenforced)
        CHECK(part.reason == "a key may come twice, and then its last value counts");
      const auto constraint = std::make_shared<Constraint>(std::move(grammar.pool), grammar.start, vocabulary);
      for (int walk = 0; walk < 4; ++walk) {
        const auto reply = test::random_reply(Matcher(constraint), random, exits_of(*signature));
        REQUIRE(reply.has_value());
        CAPTURE(*reply);
        const auto reading = exchange->parse(*reply);
        REQUIRE_MESSAGE(reading.has_value(), reading.error().message());
        for (const auto& flag : reading->flags) CHECK(flag.repair == "duplicate_key");
      }
    }
  }
}
