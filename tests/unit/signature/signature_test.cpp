#include "dspy/signature/signature.hpp"

#include "dspy/base/error.hpp"
#include "dspy/signature/example.hpp"
#include "dspy/signature/prediction.hpp"

#include <doctest/doctest.h>

using namespace dspy;

namespace {

template <class F>
Error error_of(F&& call) {
  const auto result = attempt(std::forward<F>(call));
  REQUIRE_FALSE(result.has_value());
  return result.error();
}

}  // namespace

TEST_CASE("Editing returns a changed copy and leaves the original") {
  const auto original = Signature::parse("a, b -> c", "Do.");

  CHECK(to_notation(original.append(Direction::output, make_field("d"))) == "a: str, b: str -> c: str, d: str");
  CHECK(to_notation(original.prepend(Direction::output, make_field("d"))) == "a: str, b: str -> d: str, c: str");
  CHECK(to_notation(original.insert(Direction::input, 1, make_field("d"))) == "a: str, d: str, b: str -> c: str");
  CHECK(to_notation(original.insert(Direction::input, -1, make_field("d"))) == "a: str, b: str, d: str -> c: str");
  CHECK(to_notation(original.delete_field("a")) == "b: str -> c: str");
  CHECK(original.with_instructions("Other.").instructions == "Other.");
  const auto changed = original.with_updated_field("c", [](Field& field) { field.type = Type::number(); });
  CHECK(to_notation(changed) == "a: str, b: str -> c: float");
  CHECK(to_notation(original) == "a: str, b: str -> c: str");
  CHECK(original.instructions == "Do.");
}

TEST_CASE("An edit that cannot be is refused") {
  const auto signature = Signature::parse("a -> b");

  CHECK(error_of([&] { return signature.append(Direction::input, make_field("b")); }).code() == Errc::signature_error);
  CHECK(error_of([&] { return signature.delete_field("x"); }).code() == Errc::signature_error);
  CHECK(error_of([&] { return signature.insert(Direction::input, 5, make_field("c")); }).code() == Errc::signature_error);
  CHECK(error_of([&] { return signature.with_updated_field("x", [](Field&) {}); }).code() == Errc::signature_error);
  CHECK(error_of([] { return make_field("no name"); }).code() == Errc::signature_error);
  CHECK(error_of([] { return make_field(""); }).code() == Errc::signature_error);
}

TEST_CASE("A signature that contradicts itself is refused") {
  const auto signature = Signature::parse("a -> b: int");
  const auto changed = [&](const std::function<void(Field&)>& change) {
    return error_of([&] { validate(signature.with_updated_field("b", change)); }).code();
  };
  CHECK(changed([](Field& field) { field.minimum = 2, field.maximum = 1; }) == Errc::signature_error);
  CHECK(changed([](Field& field) { field.min_length = 2, field.max_length = 1; }) == Errc::signature_error);
}

TEST_CASE("Inputs are checked before a call, all faults at once") {
  const auto signature = Signature::parse("text, count: int, rate: float, note: Optional[str] -> answer");
  const JsonObject good{{"text", "x"}, {"count", 3}, {"rate", 1}};

  const auto checked = checked_inputs(signature, JsonObject(good));
  CHECK(checked.at("rate").is_double());
  CHECK(checked.at("rate").as_double() == 1.0);

  const auto error = error_of([&] { return checked_inputs(signature, {{"cuont", 3}, {"rate", "fast"}}); });
  CHECK(error.code() == Errc::bad_input);
  const std::string message = error.what();
  for (const auto* name : {"text", "count", "rate", "cuont"}) {
    CAPTURE(name);
    CHECK(message.find(name) != std::string::npos);
  }
  const auto broken = error_of([&] { return checked_inputs(Signature::parse("a -> b"), {{"a", "x\xff"}}); });
  CHECK(broken.code() == Errc::bad_input);
  CHECK(std::string(broken.what()).find("UTF-8") != std::string::npos);
}

TEST_CASE("fit accepts a value of the type and says why another does not fit") {
  struct Case {
    std::string_view type;
    Json value;
    bool fits;
  };
  const std::vector<Case> cases = {
      {"str", "x", true},
      {"str", 3, false},
      {"int", 3, true},
      {"int", 3.5, false},
      {"int", "3", false},
      {"int", true, false},
      {"float", 3, true},
      {"float", 2.5, true},
      {"float", "2.5", false},
      {"bool", true, true},
      {"bool", 1, false},
      {"Literal['a', 2]", "a", true},
      {"Literal['a', 2]", 2, true},
      {"Literal['a', 2]", "b", false},
      {"list[int]", {1, 2}, true},
      {"list[int]", JsonArray{}, true},
      {"list[int]", {1, "x"}, false},
      {"dict[str, int]", {{"a", 1}}, true},
      {"dict[str, int]", {{"a", "x"}}, false},
      {"Optional[int]", nullptr, true},
      {"Optional[int]", 3, true},
      {"Optional[int]", "x", false},
      {"int", nullptr, false},
  };
  for (const auto& [type, value, fits] : cases) {
    CAPTURE(type);
    CAPTURE(to_text(value));
    const auto result = fit(Type::parse(type), value);
    CHECK(result.has_value() == fits);
    if (!result) CHECK_FALSE(result.error().reason.empty());
  }
}

TEST_CASE("Limits are inclusive, and lengths count characters") {
  auto field = make_field("n", Type::integer());
  field.minimum = 1;
  field.maximum = 5;
  CHECK(fit(field, Json(1)).has_value());
  CHECK(fit(field, Json(5)).has_value());
  CHECK_FALSE(fit(field, Json(0)).has_value());
  CHECK_FALSE(fit(field, Json(6)).has_value());
  auto text = make_field("s");
  text.max_length = 3;
  CHECK(fit(text, Json("日本語")).has_value());
  CHECK_FALSE(fit(text, Json("four")).has_value());
}

TEST_CASE("An example knows its sides") {
  Example example({{"question", "2+2?"}, {"answer", "4"}}, {"question"});

  CHECK(example.inputs() == JsonObject{{"question", "2+2?"}});
  CHECK(example.outputs() == JsonObject{{"answer", "4"}});
  CHECK(*example.get("answer") == "4");
  CHECK(example.get("absent") == nullptr);
  example.set("why", "because");
  CHECK(example.output_keys == std::vector<std::string>{"answer", "why"});
  example.set("question", "3+3?");
  CHECK(example.inputs() == JsonObject{{"question", "3+3?"}});

  const Example sided(JsonObject{{"b", 1}, {"a", 2}, {"x", 3}}, Signature::parse("a -> b: int"));
  CHECK(sided.inputs() == JsonObject{{"a", 2}});
  CHECK(sided.outputs() == JsonObject{{"b", 1}});
}

TEST_CASE("A prediction gives its fields by name and names them when asked for another") {
  const Prediction prediction{.data = {{"answer", 4}}};
  CHECK(prediction.at("answer") == 4);
  CHECK(prediction.get("x") == nullptr);
  const auto error = error_of([&] { return prediction.at("anwser"); });
  CHECK(error.code() == Errc::bad_input);
  CHECK(std::string(error.what()).find("answer") != std::string::npos);
}

TEST_CASE("Usage adds up in 64 bits") {
  const Usage large{.requests = 1, .prompt_tokens = 3'000'000'000, .completion_tokens = 2'000'000'000, .cached_tokens = 5};
  const auto sum = large + large;
  CHECK(sum == Usage{.requests = 2, .prompt_tokens = 6'000'000'000, .completion_tokens = 4'000'000'000, .cached_tokens = 10});
  CHECK(sum.total_tokens() == 10'000'000'000);
}
