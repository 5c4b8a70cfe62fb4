#include "dspy/adapters/field_adapter.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <fstream>
#include <map>
#include <random>

using namespace dspy;

namespace {

struct Case {
  std::string name;
  Signature signature;
  std::string completion;
  JsonObject expected;
};

std::vector<Case> cases() {
  std::ifstream in(DSPY_TEST_DIR "/cases/field/replies.jsonl");
  REQUIRE(in.good());
  std::vector<Case> out;
  for (std::string line; std::getline(in, line);) {
    const auto json = parse_json(line);
    REQUIRE(json.has_value());
    const auto& object = json->as_object();
    out.push_back({std::string(view(object.at("name").as_string())),
                   Signature::parse(view(object.at("signature").as_string())),
                   std::string(view(object.at("completion").as_string())), object});
  }
  return out;
}

std::vector<std::string> strings(const Json& list) {
  std::vector<std::string> out;
  for (const auto& item : list.as_array()) out.emplace_back(view(item.as_string()));
  std::ranges::sort(out);
  return out;
}

std::vector<std::string> strings(const std::vector<Flag>& flags) {
  std::vector<std::string> out;
  for (const auto& flag : flags) out.push_back(flag.field + ":" + flag.liberty);
  std::ranges::sort(out);
  return out;
}

/// Cuts `text` at random and returns what arrived for each field.
std::map<std::string, std::string> streamed(const Signature& signature, std::string_view text, std::mt19937& random,
                                            std::size_t longest) {
  std::map<std::string, std::string> fields;
  std::map<std::string, int> done;
  const FieldSink sink = [&](const FieldEvent& event) {
    CHECK(done[std::string(event.field)] == 0);
    fields[std::string(event.field)] += event.text;
    if (event.done) ++done[std::string(event.field)];
  };
  const auto stream = FieldAdapter().open_stream(std::make_shared<const Signature>(signature));
  while (!text.empty()) {
    const auto size = std::min<std::size_t>(1 + random() % longest, text.size());
    stream->push(text.substr(0, size), sink);
    text.remove_prefix(size);
  }
  stream->finish(sink);
  for (const auto& [field, count] : done) CHECK(count == 1);
  CHECK(done.size() == fields.size());
  return fields;
}

}  // namespace

TEST_CASE("Replies are read as the table says") {
  const auto table = cases();
  CHECK(table.size() >= 100);
  for (const auto& [name, signature, completion, expected] : table) {
    CAPTURE(name);
    CAPTURE(completion);
    const auto reading = FieldAdapter().parse(signature, completion);
    if (expected.contains("outputs")) {
      CHECK_MESSAGE(reading.has_value(), (reading ? std::string() : reading.error().message()));
      if (!reading) continue;
      CHECK(reading->outputs == expected.at("outputs").as_object());
      CHECK(strings(reading->flags) == strings(expected.at("flags")));
    } else {
      CHECK_FALSE(reading.has_value());
      if (reading) continue;
      auto missing = reading.error().missing;
      std::ranges::sort(missing);
      std::vector<std::string> invalid;
      for (const auto& entry : reading.error().invalid) invalid.push_back(entry.field);
      CHECK(missing == strings(expected.at("missing")));
      CHECK(invalid == strings(expected.at("invalid")));
      CHECK(reading.error().raw == completion);
      if (expected.contains("partial")) CHECK(reading.error().partial == expected.at("partial").as_object());
    }
  }
}

TEST_CASE("A stream delivers the same text however the reply is cut") {
  std::mt19937 random(7);
  for (const auto& [name, signature, completion, expected] : cases()) {
    CAPTURE(name);
    CAPTURE(completion);
    const auto whole = streamed(signature, completion, random, 1 << 20);
    for (int round = 0; round < 20; ++round) CHECK(streamed(signature, completion, random, 1 + round % 7) == whole);
  }
}

TEST_CASE("What a stream delivers is what is read in the end") {
  std::mt19937 random(11);
  for (const auto& [name, signature, completion, expected] : cases()) {
    const bool judged_again_at_the_end = name == "a fence on its own line that never closes";
    if (!expected.contains("outputs") || judged_again_at_the_end) continue;
    CAPTURE(name);
    const auto fields = streamed(signature, completion, random, 5);
    for (const auto& field : signature.outputs) {
      const auto& value = expected.at("outputs").as_object().at(field.name);
      if (field.type.kind != Type::Kind::string || !value.is_string() || expected.at("flags").as_array().size() > 1) continue;
      if (!fields.contains(field.name)) continue;
      CHECK(fields.at(field.name) == view(value.as_string()));
    }
  }
}

TEST_CASE("A labelled field flows before the reply is complete") {
  const auto signature = Signature::parse("q -> reasoning, answer");
  const auto stream = FieldAdapter().open_stream(std::make_shared<const Signature>(signature));
  std::string seen;
  const FieldSink sink = [&](const FieldEvent& event) { seen += event.text; };

  stream->push("Reasoning: two and", sink);
  CHECK(seen == "two and");
  stream->push(" two\nAns", sink);
  CHECK(seen == "two and two");
  stream->push("wering is", sink);
  CHECK(seen == "two and two\nAnswering is");
}

TEST_CASE("Limits of a field are enforced and named") {
  auto signature = Signature::parse("q -> n: int, s");
  signature = signature.with_updated_field("n", [](Field& field) { field.maximum = 5; });
  signature = signature.with_updated_field("s", [](Field& field) { field.max_length = 3; });

  const auto reading = FieldAdapter().parse(signature, "N: 7\nS: déjà");

  REQUIRE_FALSE(reading.has_value());
  REQUIRE(reading.error().invalid.size() == 2);
  CHECK(reading.error().invalid[0].reason.starts_with("`7` "));
  CHECK(reading.error().message().find("`n`") != std::string::npos);
  CHECK(FieldAdapter().parse(signature, "N: 5\nS: été").has_value());
}

TEST_CASE("The message names every field at fault and quotes the reply") {
  const auto reading = FieldAdapter().parse(Signature::parse("q -> a: int, b, c"), "A: four\nC: x");
  REQUIRE_FALSE(reading.has_value());
  CHECK(reading.error().message() ==
        "the reply lacks the field `b`; the field `a` cannot be read: `four` is not a whole number; the model replied "
        "\"A: four\nC: x\"");
  const auto error = to_error(reading.error());
  CHECK(error.code() == Errc::parse_error);
  CHECK(error.info().partial == JsonObject{{"c", "x"}});
}

TEST_CASE("Invalid UTF-8 is replaced and flagged") {
  const auto reading = FieldAdapter().parse(Signature::parse("q -> a"), "A: caf\xe9!");
  REQUIRE(reading.has_value());
  CHECK(reading->outputs.at("a") == "caf\xef\xbf\xbd!");
  CHECK(strings(reading->flags) == std::vector<std::string>{":invalid_utf8"});
}

TEST_CASE("Hostile replies are read in linear time") {
  const auto signature = Signature::parse("q -> a, b: list[int], c: dict[str, str]");
  const auto repeated = [](std::string_view piece, std::size_t count) {
    std::string out;
    out.reserve(piece.size() * count);
    for (std::size_t i = 0; i < count; ++i) out += piece;
    return out;
  };
  for (const auto& text :
       {repeated("[", 100000), repeated("{", 100000), repeated("{\"a\":", 100000), repeated("A: x\n", 100000),
        repeated("```\n", 100000), repeated("\\", 1000000), repeated("{a:[", 50000), repeated("A:", 1000000),
        "B: " + repeated("[", 100000), "C: " + repeated("{\"a\":", 100000), repeated(" ", 10000000),
        repeated("x\n", 1000000)}) {
    CAPTURE(text.substr(0, 20));
    CHECK_FALSE(FieldAdapter().parse(signature, text).has_value());
  }
}
