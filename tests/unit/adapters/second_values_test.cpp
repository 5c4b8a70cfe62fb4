// Replies that say more than one thing: another value, in whatever form, or a correction, leaves no reading.

#include "dspy/signature/signature.hpp"
#include "every.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <format>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

using namespace dspy;

namespace {

/// A reply in each form.
std::vector<std::string> replies(std::string_view value) {
  return {std::format("V: {}", value),
          std::format("**V:** {}", value),
          std::format("[[ ## v ## ]]\n{}\n\n[[ ## completed ## ]]", value),
          std::format("{{\"v\": {}}}", value),
          std::format("{{'v': {}}}", value),
          std::format("<v>{}</v>", value),
          std::format("```json\n{{\"v\": {}}}\n```", value)};
}

bool is_read_as(const test::EachAdapter& each, const Signature& signature, const std::string& reply,
                const Json& value) {
  const auto reading = each.make()->parse(signature, reply);
  return reading && reading->outputs.at("v") == value;
}

}  // namespace

TEST_CASE("A reply with another value behind it, in whatever form, is not its first value") {
  for (const auto* const notation : {"question -> v: int", "question -> v: int, note: Optional[str]"}) {
    const auto signature = Signature::parse(notation);
    for (const auto& each : test::every_adapter) {
      for (const auto& first : replies("5")) {
        for (const auto& second : replies("6")) {
          for (const std::string_view between :
               {"\n", "\n\n", "\nor\n", "\n\nAlternatively:\n\n", "\n\n---\n\n", "\n\nFinal:\n"}) {
            const auto reply = first + std::string(between) + second;
            CAPTURE(each.name);
            CAPTURE(reply);
            CHECK_FALSE(is_read_as(each, signature, reply, 5));
          }
        }
      }
    }
  }
}

TEST_CASE("The same value again, and the answer to another question, leave a reply as it is") {
  const auto signature = Signature::parse("question -> v: int");
  for (const auto& each : test::every_adapter) {
    CAPTURE(each.name);
    for (const auto& reply : {"{\"v\": 5}\n\nThat is: {\"v\": 5}", "{\"v\": 5}\n\nI hope that this helps: ask again!"})
      CHECK(is_read_as(each, signature, reply, 5));
    CHECK(is_read_as(each, signature,
                     "[[ ## v ## ]]\n5\n\n[[ ## completed ## ]]\n\n[[ ## question ## ]]\nNext?\n\n[[ ## v ## "
                     "]]\n6\n\n[[ ## completed ## ]]",
                     5));
    CHECK(is_read_as(each, signature, "{\"v\": 5}\n\nQuestion: Next?\n{\"v\": 6}", 5));
  }
}

TEST_CASE("A short value that the next lines correct is refused") {
  struct Row {
    std::string_view type;
    std::string_view first;
    std::string_view second;
  };
  for (const auto& [type, first, second] :
       {Row{"int", "4", "5"}, Row{"float", "4.5", "5"}, Row{"bool", "yes", "no"},
        Row{"Literal['positive', 'negative']", "positive", "negative"}, Row{"Optional[int]", "4", "5"}}) {
    const auto signature = Signature::parse(std::format("question -> v: {}", type));
    for (const auto& each : test::every_adapter) {
      for (const std::string_view words : {"No, {}", "Actually {}", "Wait: {}", "Correction: it is {}",
                                           "Sorry, I mean {}", "*Actually*, {}.", "On second thought {}"}) {
        const auto said = std::vformat(words, std::make_format_args(second));
        for (const std::string_view between : {"\n", "\n\n"}) {
          const auto value = std::string(first).append(between).append(said);
          for (const auto& reply : {"V: " + value, "[[ ## v ## ]]\n" + value + "\n\n[[ ## completed ## ]]",
                                    "<v>" + value + "</v>", value}) {
            const auto reading = each.make()->parse(signature, reply);
            CAPTURE(each.name);
            CAPTURE(reply);
            CHECK_FALSE(reading.has_value());
          }
        }
      }
      for (const std::string_view words :
           {"Nothing else fits.", "No evidence speaks against it.", "Order 66 says so.", "Waiting times are long."}) {
        const auto reading = each.make()->parse(signature, std::format("<v>{}\n{}</v>", first, words));
        CAPTURE(each.name);
        CAPTURE(words);
        CHECK(reading.has_value());
      }
    }
  }
}

TEST_CASE("An object in a field with parts of another value behind it is none of the field's") {
  const auto signature = Signature::parse("question -> p: P{name: str, age: int, author: Optional[P]}, note: str");
  for (const std::string_view rest : {"}", "\n }\n}", "\n },\n \"name\": \"outer\"\n}", "]",
                                      ",\n {\"name\": \"other\", \"age\": 2}", ", \"name\": \"outer\"}"}) {
    const auto value = std::string("{\"name\": \"inner\", \"age\": 1}").append(rest);
    for (const auto& reply : {"P: " + value + "\nNote: fine", "P: It is " + value + "\nNote: fine",
                              "[[ ## p ## ]]\n" + value + "\n\n[[ ## note ## ]]\nfine\n\n[[ ## completed ## ]]",
                              "<p>" + value + "</p>\n<note>fine</note>"}) {
      for (const auto& each : test::every_adapter) {
        CAPTURE(each.name);
        CAPTURE(reply);
        CHECK_FALSE(each.make()->parse(signature, reply).has_value());
      }
    }
  }
}

TEST_CASE("Quotation marks that JSON does not know are no part of a key") {
  const auto signature = Signature::parse("question -> m: dict[str, str]");
  for (const auto& [opening, closing] : std::initializer_list<std::pair<std::string_view, std::string_view>>{
           {"«", "»"}, {"‹", "›"}, {"″", "″"}, {"＂", "＂"}, {"「", "」"}, {"『", "』"}, {"‚", "‟"}}) {
    const auto value = std::format("{{{}k{}: \"v\"}}", opening, closing);
    for (const auto& each : test::every_adapter) {
      CAPTURE(each.name);
      CAPTURE(value);
      CHECK_FALSE(each.make()->parse(signature, "M: " + value).has_value());
      CHECK_FALSE(each.make()->parse(signature, "[[ ## m ## ]]\n" + value).has_value());
      CHECK_FALSE(each.make()->parse(signature, "{\"m\": " + value + "}").has_value());
    }
  }
}

TEST_CASE("A reply without a word leaves nothing out on purpose") {
  const auto signature = Signature::parse("question -> a: Optional[str], b: Optional[int]");
  for (const auto& each : test::every_adapter) {
    CAPTURE(each.name);
    for (const auto* const reply : {"", " \n", "<think>hm</think>\n"})
      CHECK_FALSE(each.make()->parse(signature, reply).has_value());
    CHECK(each.make()->parse(signature, "{}").has_value());
  }
}
