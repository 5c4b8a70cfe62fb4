#include "adapters/reader.hpp"

#include "dspy/adapters/field_adapter.hpp"

#include <doctest/doctest.h>

using namespace dspy;

namespace {

Signature qa() {
  return Signature::parse("question -> answer");
}

}  // namespace

TEST_CASE("Reading leaves no state behind") {
  const FieldAdapter adapter;
  const auto signature = Signature::parse("q -> a, b: Optional[str]");

  const auto first = adapter.parse(signature, "A: 1\nB: 2");
  const auto broken = adapter.parse(signature, "");
  const auto second = adapter.parse(signature, "A: 3");

  CHECK(first->outputs == JsonObject{{"a", "1"}, {"b", "2"}});
  CHECK_FALSE(broken.has_value());
  CHECK(second->outputs == JsonObject{{"a", "3"}, {"b", nullptr}});
}

TEST_CASE("A reply that cannot be read keeps its text and says what is wrong in one sentence") {
  const auto signature = Signature::parse("q -> a, b: int, c");

  const auto reading = FieldAdapter().parse(signature, "B: many\nlines");

  REQUIRE_FALSE(reading.has_value());
  CHECK(reading.error().raw == "B: many\nlines");
  CHECK(reading.error().message() ==
        "the reply lacks the fields `a` and `c`; the field `b` cannot be read: `many lines` is not a whole number; the "
        "model "
        "replied \"B: many lines\"");
  const auto error = to_error(reading.error());
  CHECK(error.code() == Errc::parse_error);
  CHECK(std::string_view(error.what()) == reading.error().message());
  CHECK(error.info().missing == std::vector<std::string>{"a", "c"});
  CHECK(error.info().invalid == std::vector<std::string>{"b"});
  CHECK(error.info().raw == "B: many\nlines");
  CHECK(FieldAdapter().parse(qa(), " ").error().message() ==
        "the reply lacks the field `answer`; the model replied with nothing");
}

TEST_CASE("Messages quote a long reply by its start, cut between characters") {
  std::string reply = "x";
  for (int i = 0; i < 200; ++i) reply += "é";
  const auto reading = FieldAdapter().parse(Signature::parse("q -> a, b"), reply);

  const auto message = reading.error().message();

  CHECK(message.size() < 300);
  CHECK(message.ends_with("é…\""));
  CHECK(reading.error().raw == reply);
}

TEST_CASE("A very long value is read whole") {
  const std::string text(3'000'000, 'x');

  CHECK(FieldAdapter().parse(qa(), "Answer: " + text)->outputs.at("answer") == Json(text));
  CHECK(FieldAdapter().parse(qa(), text)->outputs.at("answer") == Json(text));
  CHECK(FieldAdapter().parse(qa(), "{\"answer\": \"" + text + "\"}")->outputs.at("answer") == Json(text));
}
