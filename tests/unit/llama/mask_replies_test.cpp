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

#include <memory>
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
  for (const auto& field : signature.outputs) {
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
    auto grammar = compile({.form = adapter.prepare(signature)->contract().form, .signature = signature});
    const auto constraint = std::make_shared<Constraint>(std::move(grammar.pool), grammar.start, vocabulary);
    const auto exchange = adapter.prepare(signature);
    const auto exits = exits_of(*signature);
    for (int walk = 0; walk < 6; ++walk) {
      ++walks;
      const auto reply = test::random_reply(Matcher(constraint), maker.random(), exits);
      if (!reply) continue;
      ++ended;
      CAPTURE(*reply);
      CHECK(test::fault_of_held(*exchange, *reply, descriptions(grammar.unheld)) == "");
    }
  }
  CHECK(ended * 10 > walks * 8);
}

}  // namespace

TEST_CASE("whatever is written under the mask of labelled lines is read without a liberty") {
  check_replies(FieldAdapter(), 1, 60);
}

TEST_CASE("whatever is written under the mask of markers is read without a liberty") {
  check_replies(ChatAdapter(), 1000, 60);
}

TEST_CASE("whatever is written under the mask of a JSON object is read without a liberty") {
  check_replies(JsonAdapter(), 2000, 60);
}

TEST_CASE("whatever is written under the mask of elements is read without a liberty") {
  check_replies(XmlAdapter(), 3000, 60);
}
