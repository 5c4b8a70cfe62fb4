#pragma once

#include "dspy/signature/signature.hpp"

#include <cstddef>
#include <cstdint>
#include <random>
#include <string>
#include <vector>

namespace dspy::test {

/// Makes signatures whose outputs have types of all kinds.
class SignatureMaker {
 public:
  explicit SignatureMaker(std::uint64_t seed) : random_(seed) {}

  Signature make() {
    Signature out;
    out.inputs = {make_field("question")};
    const std::vector<std::string> names = {"answer", "next_step", "score", "due", "answer_note"};
    for (std::size_t i = 0; i <= below(4); ++i) out.outputs.push_back(make_field(names[i], type(2)));
    return out;
  }

  std::mt19937_64& random() { return random_; }

 private:
  std::size_t below(std::size_t bound) { return static_cast<std::size_t>(random_() % bound); }

  Type text() {
    switch (below(4)) {
      case 0: return Type::string({.max_length = 1 + below(12)});
      case 1: return Type::string({.min_length = 2 + below(5), .max_length = 8 + below(40)});
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

  Type type(std::size_t depth) {
    switch (below(depth == 0 ? 6 : 12)) {
      case 0: return text();
      case 1: return number();
      case 2: return Type::boolean();
      case 3: return Type::literal({"red", "dark green", "none of these", 3});
      case 4: return {.kind = Type::Kind::bytes};
      case 5: {
        const Type::Kind kinds[] = {Type::Kind::date, Type::Kind::time, Type::Kind::duration};
        return {.kind = kinds[below(3)]};
      }
      case 6: return Type::optional(type(depth - 1));
      case 7: return Type::list(type(depth - 1), {.min_length = below(2), .max_length = 1 + below(4)});
      case 8: return Type::dict(Type::string({.min_length = 1, .max_length = 6}), type(depth - 1));
      case 9: return Type::list(type(depth - 1));
      case 10: return Type::list(Type::literal({"red", "green", "blue sky"}), {.unique_items = true});
      default: return Type::dict(Type::literal({"a", "b", "c"}), type(depth - 1));
    }
  }

  std::mt19937_64 random_;
};

}  // namespace dspy::test
