#pragma once

#include "dspy/base/error.hpp"
#include "dspy/signature/signature.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <random>
#include <string>
#include <utility>
#include <vector>

namespace dspy::test {

/// Makes signatures whose outputs have types of all kinds: nested, recursive, limited, with choices that look like
/// structure, and names of several scripts.
class SignatureMaker {
 public:
  explicit SignatureMaker(std::uint64_t seed) : random_(seed) {}

  Signature make() {
    while (true) {
      Signature out;
      out.inputs = {make_field("question")};
      const auto& names = pick_names();
      objects_ = 0;
      for (std::size_t i = 0; i <= below(4); ++i) out.outputs.push_back(make_field(names[i], type(2)));
      if (attempt([&] { validate(out); })) return out;
    }
  }

  std::mt19937_64& random() { return random_; }

 private:
  std::size_t below(std::size_t bound) { return static_cast<std::size_t>(random_() % bound); }

  const std::vector<std::string>& pick_names() {
    static const std::vector<std::vector<std::string>> names = {
        {"answer", "next_step", "score", "due", "answer_note"},
        {"antwort", "größe", "число", "答え", "الجواب"},
        {"item", "entry", "name", "null", "value"},
        {"a", "b", "A1", "done", "reasoning"},
    };
    const auto at = below(2 * names.size());
    return names[at < names.size() ? at : 0];
  }

  Type text() {
    switch (below(6)) {
      case 0: return Type::string({.max_length = 1 + below(12)});
      case 1: return Type::string({.min_length = 2 + below(5), .max_length = 8 + below(40)});
      case 2: return Type::string({.pattern = "^[A-Z]{2}-[0-9]{3}$"});
      default: return Type::string();
    }
  }

  Type number() {
    switch (below(6)) {
      case 0: return Type::integer();
      case 1: return Type::integer({.ge = -12, .le = 7});
      case 2: return Type::integer({.gt = 99, .multiple_of = 7});
      case 3: return Type::number({.ge = 0, .le = 1});
      case 4: return Type::number({.gt = -2.5, .lt = 1000.125});
      default: return Type::number();
    }
  }

  Type choice() {
    switch (below(4)) {
      case 0: return Type::literal({"red", "dark green", "none of these", 3});
      case 1: return Type::enumeration("Level", {1, 2, 3}, {"low", "middle", "high"});
      default: break;
    }
    static const std::vector<Json> odd = {"",           "it's",
                                          "\"quoted\"", "two\nlines",
                                          "<b>",        "a & b",
                                          "[[ ## ",     "]]",
                                          "}",          " before",
                                          "after ",     "42",
                                          "007",        "-1",
                                          "Yes",        "yes",
                                          "no",         "None",
                                          "null",       "n/a",
                                          "true",       "[[ ## a ## ]]",
                                          "</a>",       "&lt;",
                                          "{\"a\":",    "- item",
                                          "1. item",    "a, b",
                                          "Answer:",    "\\",
                                          "\\n",        "```",
                                          "日本",       "Straße",
                                          "STRASSE",    "ab",
                                          "AB",         "a b",
                                          "a_b",        "a-b",
                                          ".",          "**bold**",
                                          42,           -7,
                                          true,         false,
                                          "2026-01-01", "1.0",
                                          "[]",         "{}",
                                          "\"",         "#",
                                          "<think>",    "»"};
    std::vector<Json> choices;
    for (auto left = 1 + below(5); left > 0; --left) {
      const auto& each = odd[below(odd.size())];
      if (!std::ranges::contains(choices, each)) choices.push_back(each);
    }
    return Type::literal(std::move(choices));
  }

  Type scalar() {
    switch (below(9)) {
      case 0: return text();
      case 1:
      case 2: return number();
      case 3: return Type::boolean();
      case 4: return choice();
      case 5: return {.kind = Type::Kind::bytes};
      case 6: {
        const Type::Kind kinds[] = {Type::Kind::date, Type::Kind::time, Type::Kind::duration};
        return {.kind = kinds[below(3)]};
      }
      case 7: return {.kind = below(2) == 0 ? Type::Kind::datetime : Type::Kind::null_};
      default: return below(2) == 0 ? Type::any() : Type{.kind = Type::Kind::code, .name = "python"};
    }
  }

  Type type(std::size_t depth) {
    if (depth == 0) return scalar();
    switch (below(14)) {
      case 0:
      case 1: return scalar();
      case 2: return Type::optional(type(depth - 1));
      case 3: return Type::list(type(depth - 1), {.min_length = below(2), .max_length = 1 + below(4)});
      case 4: return Type::dict(Type::string({.min_length = 1, .max_length = 6}), type(depth - 1));
      case 5: return Type::list(type(depth - 1));
      case 6: return Type::list(Type::literal({"red", "green", "blue sky"}), {.unique_items = true});
      case 7: return Type::dict(Type::literal({"a", "b", "c"}), type(depth - 1));
      case 8: return Type::set(below(2) == 0 ? Type::string() : choice());
      case 9: return Type::tuple({type(depth - 1), scalar()});
      case 10: return Type::dict(Type::integer(), type(depth - 1));
      case 11: return Type::union_of({type(depth - 1), scalar(), scalar()});
      default: return object(depth - 1);
    }
  }

  Type object(std::size_t depth) {
    static const std::vector<std::string> names = {"name", "answer", "item", "größe", "key", "score", "entry"};
    const auto name = "Part" + std::to_string(++objects_);
    std::vector<Field> members;
    const auto first = below(names.size());
    for (std::size_t i = 0; i <= below(3); ++i)
      members.push_back(make_field(names[(first + i) % names.size()], type(depth)));
    if (below(3) == 0) {
      auto own = Type::reference(name);
      members.push_back(make_field("parts", below(2) == 0 ? Type::list(own) : Type::optional(own)));
    }
    if (below(4) == 0) {
      auto counted = make_field("count", Type::integer());
      counted.default_value = 1;
      members.push_back(std::move(counted));
    }
    return Type::object(name, std::move(members));
  }

  std::mt19937_64 random_;
  std::size_t objects_ = 0;
};

}  // namespace dspy::test
