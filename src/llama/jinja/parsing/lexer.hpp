#pragma once

#include "llama/jinja/values/fault.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace dspy::llama::jinja {

struct Token {
  enum class Kind : std::uint8_t {
    data,         ///< What stands between tags.
    print_begin,  ///< `{{`
    print_end,
    tag_begin,  ///< `{%`
    tag_end,
    name,
    string,
    integer,
    floating,
    sign,  ///< An operator or a bracket.
    end,   ///< Of the source.
  };

  Kind kind = Kind::end;
  std::string text = {};  ///< Of a string, what it stands for.
  Place place = {};

  bool is(Kind what) const noexcept { return kind == what; }
  bool is_sign(std::string_view what) const noexcept { return kind == Kind::sign && text == what; }
  bool is_name(std::string_view what) const noexcept { return kind == Kind::name && text == what; }
};

/// The tokens of a source, the last of them `end`, with white space around tags taken away as chat templates are read
/// everywhere: `trim_blocks` and `lstrip_blocks` on, comments and the last line end left out.  Throws `Error`
/// (`config_error`) with the place.
std::vector<Token> tokens_of(std::string_view source);

}  // namespace dspy::llama::jinja
