#include "dspy/lm/reply_notation.hpp"

#include "dspy/lm/contract.hpp"
#include "dspy/signature/field.hpp"

#include <doctest/doctest.h>

#include <string>
#include <string_view>

using namespace dspy;

namespace {

using Form = OutputContract::Form;

/// A reply of two outputs, `a` and `b`, with the values 1 and 2, from the notation alone.
std::string reply_in(Form form) {
  const auto& notation = ReplyNotation::of(form);
  std::string out(notation.begin);
  for (const auto* const name : {"a", "b"}) {
    if (*name == 'b') out += notation.between;
    if (form == Form::json) out += notation.anchor;
    out.append(notation.opening(std::string_view(name))).append(notation.before_value);
    out.append(*name == 'a' ? "1" : "2").append(notation.after_value).append(notation.closing(name));
  }
  if (form == Form::markers) out += notation.between;
  return out.append(notation.end);
}

}  // namespace

TEST_CASE("a form's notation writes a whole reply") {
  CHECK(reply_in(Form::fields) == "a: 1\nb: 2");
  CHECK(reply_in(Form::markers) == "[[ ## a ## ]]\n1\n\n[[ ## b ## ]]\n2\n\n[[ ## completed ## ]]");
  CHECK(reply_in(Form::json) == "{\n  \"a\": 1,\n  \"b\": 2\n}");
  CHECK(reply_in(Form::xml) == "<a>\n1\n</a>\n\n<b>\n2\n</b>");
}

TEST_CASE("the marker that ends a reply is that of its name") {
  CHECK(ReplyNotation::of(Form::markers).end == marker(completed_name));
}

TEST_CASE("labels are used in one form, names in the others") {
  Field field;
  field.name = "best_city";
  field.label = "Best City";
  CHECK(ReplyNotation::of(Form::fields).opening(field) == "Best City:");
  CHECK(ReplyNotation::of(Form::markers).opening(field) == "[[ ## best_city ## ]]");
  CHECK(ReplyNotation::of(Form::xml).opening(field) == "<best_city>");
  CHECK(ReplyNotation::of(Form::json).opening(field) == "\"best_city\":");
  CHECK(ReplyNotation::of(Form::xml).empty_element("best_city") == "<best_city/>");
  CHECK(ReplyNotation::of(Form::markers).empty_element("best_city").empty());
  CHECK(ReplyNotation::of(Form::json).opening(std::string_view("a\"b")) == "\"a\\\"b\":");
}

TEST_CASE("forms without outputs have no notation") {
  for (const auto form : {Form::text, Form::choices, Form::regex, Form::schema, Form::gbnf}) {
    CHECK(ReplyNotation::of(form).form == Form::text);
    CHECK(ReplyNotation::of(form).opening(std::string_view()).empty());
  }
}
