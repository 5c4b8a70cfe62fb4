#pragma once

#include "dspy/base/base64.hpp"
#include "dspy/signature/signature.hpp"
#include "signature/fit/fit.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <format>
#include <limits>
#include <random>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace dspy::test {

/// Makes values of a type, with texts that look like structure, like other types and like nothing.
class ValueMaker {
 public:
  explicit ValueMaker(std::mt19937_64& random) : random_(random) {}

  /// A value that fits the type as it stands.
  Json make(const Type& type) {
    for (int round = 0; round < 1000; ++round) {
      auto value = fit(type, any_of(type, nullptr, 0));
      if (value) return *std::move(value);
    }
    FAIL("no value of the type " << to_notation(type));
    return {};
  }

  /// Half of them words, half of them made of what some reader looks for.
  std::string text() {
    static const std::vector<std::string_view> parts = {"x",
                                                        "word",
                                                        " ",
                                                        " ",
                                                        "\n",
                                                        "\n",
                                                        "1",
                                                        "0.5",
                                                        "-",
                                                        "- ",
                                                        "* ",
                                                        ",",
                                                        ", ",
                                                        ".",
                                                        ":",
                                                        "\"",
                                                        "'",
                                                        "\\",
                                                        "\\n",
                                                        "<",
                                                        ">",
                                                        "&",
                                                        "&amp;",
                                                        "<item>",
                                                        "</item>",
                                                        "<answer>",
                                                        "</answer>",
                                                        "<score/>",
                                                        "[[ ## answer ## ]]",
                                                        "[[ ## completed ## ]]",
                                                        "[[",
                                                        "]]",
                                                        "[",
                                                        "]",
                                                        "{",
                                                        "}",
                                                        "{\"answer\": 1}",
                                                        "Answer:",
                                                        "Next step:",
                                                        "score: 3",
                                                        "Question: ",
                                                        "```",
                                                        "```json\n",
                                                        "none",
                                                        "None",
                                                        "null",
                                                        "true",
                                                        "False",
                                                        "yes",
                                                        "n/a",
                                                        "<think>",
                                                        "</think>",
                                                        "é",
                                                        "日本",
                                                        "😀",
                                                        "“",
                                                        "”",
                                                        "#",
                                                        "**",
                                                        "_",
                                                        "|",
                                                        "(",
                                                        ")",
                                                        "\t",
                                                        "\r\n",
                                                        "<![CDATA[",
                                                        "]]>",
                                                        "&#60;",
                                                        "=",
                                                        "/*",
                                                        "//",
                                                        "\xC2\xA0",
                                                        "1. ",
                                                        "[1] ",
                                                        "\\answer:",
                                                        "[\\[ ## answer ## ]]"};
    std::string out;
    for (auto left = below(below(2) == 0 ? 3 : 9); left > 0; --left) out += parts[below(parts.size())];
    return out;
  }

 private:
  std::size_t below(std::size_t bound) { return static_cast<std::size_t>(random_() % bound); }

  std::string limited_text(const Limits& limits) {
    if (!limits.pattern.empty()) return std::format("{}{}-{:03}", letter(), letter(), below(1000));
    auto out = below(4) == 0 ? std::string() : text();
    while (limits.min_length && count(out) < *limits.min_length) out += letter();
    while (limits.max_length && count(out) > *limits.max_length) drop_last(out);
    return out;
  }

  static std::size_t count(std::string_view text) {
    return static_cast<std::size_t>(
        std::ranges::count_if(text, [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
  }
  static void drop_last(std::string& text) {
    while ((static_cast<unsigned char>(text.back()) & 0xC0) == 0x80) text.pop_back();
    text.pop_back();
  }

  char letter() { return static_cast<char>('A' + below(26)); }

  Json integer(const Limits& limits) {
    if (limits.multiple_of) return limits.multiple_of->integer * static_cast<std::int64_t>(20 + below(1000));
    if (limits.ge) return limits.ge->integer + static_cast<std::int64_t>(below(20));
    switch (below(5)) {
      case 0: return std::numeric_limits<std::int64_t>::min();
      case 1: return std::numeric_limits<std::int64_t>::max();
      case 2: return static_cast<std::int64_t>(random_());
      default: return static_cast<std::int64_t>(below(2000)) - 1000;
    }
  }

  Json real(const Limits& limits) {
    const auto part = static_cast<double>(below(1'000'001)) / 1'000'000;
    if (limits.le) return part;
    if (limits.lt) return part * 900 - 2;
    static constexpr std::array odd = {0.0, -0.0, 1.0, 1e300, 1e-300, 5e-324, 1e16, 123456789.125, -2.5, 1e22, 0.1};
    return below(2) == 0 ? odd[below(odd.size())] : part * 2000 - 1000;
  }

  /// Any JSON value, as parsers give it.
  Json free(int depth) {
    switch (below(depth > 1 ? 6 : 8)) {
      case 0: return nullptr;
      case 1: return below(2) == 0;
      case 2: return integer({});
      case 3: return real({});
      case 4:
      case 5: return Json(text());
      case 6: {
        JsonArray out;
        for (auto left = below(3); left > 0; --left) out.push_back(free(depth + 1));
        return out;
      }
      default: {
        JsonObject out;
        for (auto left = below(3); left > 0; --left) out[text()] = free(depth + 1);
        return out;
      }
    }
  }

  std::string date() { return std::format("{:04}-{:02}-{:02}", 1 + below(9999), 1 + below(12), 1 + below(28)); }

  std::string key(const Type& type) {
    if (type.kind == Type::Kind::literal) {
      const auto& choice = type.choices[below(type.choices.size())];
      return choice.is_string() ? std::string(view(choice.get_string())) : to_text(choice);
    }
    return type.kind == Type::Kind::integer ? std::to_string(static_cast<std::int64_t>(below(100)) - 50)
                                            : limited_text(*type.limits);
  }

  Json any_of(const Type& type, const Scope* scope, int depth) {
    using Kind = Type::Kind;
    const auto count = [&]() -> std::size_t {
      const auto least = type.limits->min_length.value_or(0);
      const auto most = std::min(type.limits->max_length.value_or(4), least + 3);
      return depth > 4 ? least : least + below(most - least + 1);
    };
    switch (type.kind) {
      case Kind::string: return Json(limited_text(*type.limits));
      case Kind::code: {
        static const std::vector<std::string> code = {"print('hi')", "if a < b:\n    return [1]", "x = {\"a\": 1}",
                                                      "# Answer: none\npass", "s = '''\nAnswer: 1\n'''"};
        return Json(code[below(code.size())]);
      }
      case Kind::reasoning: return Json("so: " + text());
      case Kind::integer: return integer(*type.limits);
      case Kind::number: return real(*type.limits);
      case Kind::boolean: return below(2) == 0;
      case Kind::any: return free(0);
      case Kind::literal: return type.choices[below(type.choices.size())];
      case Kind::date: return Json(date());
      case Kind::datetime: {
        static constexpr std::array<std::string_view, 4> offsets = {"Z", "", "+02:00", "-11:30"};
        return Json(std::format("{}T{:02}:{:02}:{:02}{}{}", date(), below(24), below(60), below(60),
                                below(3) == 0 ? ".25" : "", offsets[below(offsets.size())]));
      }
      case Kind::time: {
        static constexpr std::array<std::string_view, 3> offsets = {"Z", "", "+02:00"};
        return Json(std::format("{:02}:{:02}:{:02}{}{}", below(24), below(60), below(60), below(3) == 0 ? ".25" : "",
                                offsets[below(offsets.size())]));
      }
      case Kind::duration:
        return Json(std::format("{}P{}DT{}H{}.5S", below(4) == 0 ? "-" : "", below(20), below(24), below(60)));
      case Kind::bytes: {
        std::string bytes(below(6), '\0');
        for (auto& byte : bytes) byte = static_cast<char>(below(256));
        return Json(base64::encode(std::as_bytes(std::span(bytes))));
      }
      case Kind::optional: return below(3) == 0 ? Json() : any_of(type.arguments[0], scope, depth);
      case Kind::union_: return any_of(type.arguments[below(type.arguments.size())], scope, depth);
      case Kind::list: {
        JsonArray out;
        for (auto left = count(); left > 0; --left) {
          auto item = any_of(type.arguments[0], scope, depth + 1);
          if (!type.limits->unique_items || !std::ranges::contains(out, item)) out.push_back(std::move(item));
        }
        return out;
      }
      case Kind::tuple: {
        JsonArray out;
        for (const auto& each : type.arguments) out.push_back(any_of(each, scope, depth + 1));
        return out;
      }
      case Kind::dict: {
        JsonObject out;
        for (auto left = count(); left > 0; --left)
          out[key(type.arguments[0])] = any_of(type.arguments[1], scope, depth + 1);
        return out;
      }
      case Kind::object: {
        const Scope inside{type, scope};
        JsonObject out;
        for (const auto& member : *type.members) out[member.name] = any_of(member.type, &inside, depth + 1);
        return out;
      }
      case Kind::reference: {
        const auto* const found = find_object(scope, type.name);
        return any_of(found->object, found->outer, depth + 2);
      }
      default: return nullptr;
    }
  }

  std::mt19937_64& random_;
};

}  // namespace dspy::test
