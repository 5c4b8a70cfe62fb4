#include "adapters/json/lenient_json.hpp"

#include "adapters/json/lenient_scalars.hpp"

#include <cstddef>
#include <format>
#include <optional>
#include <string>
#include <utility>

namespace dspy {
namespace {

using text::is_any_letter;
using text::is_digit;

constexpr int deepest = 128;

/// Recursive descent.
class Reader : LenientScalars {
 public:
  Reader(std::string_view text, std::size_t begin) : LenientScalars(text, begin) {}

  std::expected<LenientJson, JsonProblem> read() {
    LenientJson out;
    skip_space();
    if (!value(out.value)) return std::unexpected(std::move(problem_));
    out.end = at_;
    out.repairs = repairs_;
    return out;
  }

 private:
  bool value(Json& out) {
    if (at_end()) return fail("the text ends where a value should stand");
    if (++values_ > most_values) return fail(std::format("there are more than {} values", most_values));
    switch (here()) {
      case '{': return nested([&] { return object(out.emplace_object()); });
      case '[': return nested([&] { return array(out.emplace_array(), ']'); });
      case '(': return nested([&] { return tuple(out.emplace_array()); });
      case '"':
      case '\'': {
        std::string decoded;
        if (!string(decoded)) return false;
        out.emplace_string() = decoded;
        return true;
      }
      default: break;
    }
    if (const auto* const quotes = curly_quotes_here()) return curly_string(*quotes, out);
    const auto sign = here() == '-' || here() == '+' ? 1U : 0U;
    const char first = at_ + sign < text_.size() ? text_[at_ + sign] : '\0';
    return is_digit(first) || first == '.' || (sign != 0 && !is_any_letter(first)) ? number(out) : word(out);
  }

  template <class F>
  bool nested(F&& inner) {
    if (depth_ == deepest) return fail("values are nested more than 128 deep");
    ++depth_;
    ++at_;
    const bool fine = inner();
    --depth_;
    return fine;
  }

  /// After a value in an object or array: true if its end was reached, false if more comes;
  /// nothing after a failure.
  std::optional<bool> ends(char closer) {
    skip_space();
    if (at_end()) {
      take(JsonRepair::unclosed);
      return true;
    }
    if (here() == ',') {
      ++at_;
      skip_space();
      if (at_end()) {
        fail("the text ends where a value should stand");
        return std::nullopt;
      }
      if (here() != closer) return false;
      take(JsonRepair::trailing_comma);
    }
    if (here() == closer) {
      ++at_;
      return true;
    }
    if (is_closing_fence()) {
      take(JsonRepair::unclosed);
      return true;
    }
    fail(std::format("expected `,` or `{}`", closer));
    return std::nullopt;
  }

  /// A fence on a line of its own ends the JSON in it, whatever is still open.
  bool is_closing_fence() const noexcept {
    if (!next_is("```")) return false;
    const auto before = text_.find_last_not_of(" \t", at_ - 1);
    const auto after = text_.find_first_not_of(" \t\r", at_ + 3);
    return text_[before] == '\n' && (after == std::string_view::npos || text_[after] == '\n');
  }

  /// At the start of an object or array: true if it is empty or the text ends.
  bool is_empty(char closer) noexcept {
    skip_space();
    if (at_end()) {
      take(JsonRepair::unclosed);
      return true;
    }
    if (here() != closer) return false;
    ++at_;
    return true;
  }

  /// `(1, 2)` and `(1,)`, as Python writes tuples; `(1)` is not one.
  bool tuple(JsonArray& out) {
    const auto start = at_ - 1;
    if (!array(out, ')')) return false;
    const auto last = text_.find_last_not_of(" \t\r\n", at_ - 2);
    if (text_[at_ - 1] != ')' || (out.size() == 1 && text_[last] != ',')) {
      at_ = start;
      return fail("expected a value");
    }
    take(JsonRepair::python_brackets);
    return true;
  }

  bool array(JsonArray& out, char closer) {
    if (is_empty(closer)) return true;
    while (true) {
      if (!value(out.emplace_back(nullptr))) return false;
      const auto ended = ends(closer);
      if (!ended) return false;
      if (*ended) return true;
    }
  }

  bool object(JsonObject& out) {
    if (is_empty('}')) return true;
    std::string name;
    while (true) {
      name.clear();
      if (!key(name)) return false;
      skip_space();
      if (!at_end() && here() != ':') return fail("expected `:` after a key");
      if (!at_end()) ++at_;
      skip_space();
      if (at_end()) return fail("the text ends where a value should stand");  // a default would be made up for it
      const auto [member, is_new] = out.emplace(name, nullptr);
      if (!is_new) take(JsonRepair::duplicate_key);
      if (!value(member->value())) return false;
      const auto ended = ends('}');
      if (!ended) return false;
      if (*ended) return true;
    }
  }

  int depth_ = 0;
  std::size_t values_ = 0;
};

}  // namespace

std::string_view JsonRepairs::name(JsonRepair repair) noexcept {
  switch (repair) {
    case JsonRepair::trailing_comma: return "trailing_comma";
    case JsonRepair::single_quotes: return "single_quotes";
    case JsonRepair::unquoted_key: return "unquoted_key";
    case JsonRepair::python_word: return "python_word";
    case JsonRepair::python_brackets: return "python_brackets";
    case JsonRepair::comment: return "comment";
    case JsonRepair::line_break_in_string: return "line_break_in_string";
    case JsonRepair::bad_escape: return "bad_escape";
    case JsonRepair::stray_quote: return "stray_quote";
    case JsonRepair::duplicate_key: return "duplicate_key";
    case JsonRepair::unclosed: return "unclosed";
    case JsonRepair::unclosed_string: return "unclosed_string";
    case JsonRepair::curly_quotes: return "curly_quotes";
    case JsonRepair::json_slip: return "json_slip";
    case JsonRepair::long_number: return "long_number";
  }
  return "unknown";
}

std::expected<LenientJson, JsonProblem> read_lenient_json(std::string_view text, std::size_t begin) {
  return Reader(text, begin).read();
}

}  // namespace dspy
