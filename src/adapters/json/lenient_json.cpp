#include "adapters/json/lenient_json.hpp"

#include "base/json_number.hpp"
#include "base/unicode/letters.hpp"
#include "base/unicode/utf8.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <format>
#include <limits>
#include <optional>
#include <string>
#include <utility>

namespace dspy {
namespace {

constexpr int deepest = 128;

/// Quotation marks of which one opens and another closes.
struct Quotes {
  std::string_view opening;
  std::string_view closing;
};
constexpr std::array curly_quotes = {Quotes{"“", "”"}, Quotes{"‘", "’"}, Quotes{"„", "“"}};
/// What they all begin with, in UTF-8.
constexpr char curly_byte = curly_quotes[0].opening[0];

using text::is_any_letter;
using text::is_digit;
constexpr bool is_key_character(char c) noexcept {
  return is_any_letter(c) || is_digit(c) || c == '_' || c == '-' || c == '$';
}

/// Recursive descent.  Each member returns false after `fail`, which keeps the first problem.
class Reader {
 public:
  Reader(std::string_view text, std::size_t begin) : text_(text), at_(begin) {}

  std::expected<LenientJson, JsonProblem> read() {
    LenientJson out;
    skip_space();
    if (!value(out.value)) return std::unexpected(std::move(problem_));
    out.end = at_;
    out.repairs = repairs_;
    return out;
  }

 private:
  bool at_end() const noexcept { return at_ >= text_.size(); }
  char here() const noexcept { return text_[at_]; }
  bool next_is(std::string_view word) const noexcept { return text_.substr(at_).starts_with(word); }
  void take(JsonRepair repair) noexcept { repairs_.add(repair); }

  bool fail(std::string_view message) {
    problem_ = {std::string(message), at_};
    return false;
  }

  void skip_space() noexcept {
    while (!at_end()) {
      const char c = here();
      if (c == ' ' || c == '\n' || c == '\t' || c == '\r') {
        ++at_;
      } else if (c == '#' || next_is("//")) {
        skip_to("\n");
      } else if (next_is("/*")) {
        at_ += 2;
        skip_to("*/");
      } else {
        return;
      }
    }
  }

  void skip_to(std::string_view end) noexcept {
    take(JsonRepair::comment);
    const auto found = text_.find(end, at_);
    at_ = found == std::string_view::npos ? text_.size() : found + end.size();
  }

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

  const Quotes* curly_quotes_here() const noexcept {
    if (here() != curly_byte) return nullptr;
    const auto* const found =
        std::ranges::find_if(curly_quotes, [&](const Quotes& each) { return next_is(each.opening); });
    return found == curly_quotes.end() ? nullptr : found;
  }

  /// `“text”`.  Another quote of that kind within, or a straight one, would leave open where it ends.
  bool curly_string(const Quotes& quotes, Json& out) {
    const auto start = at_;
    std::string decoded;
    for (at_ += quotes.opening.size();;) {
      auto stop = at_;
      while (stop < text_.size() && text_[stop] != '"' && text_[stop] != '\\' && text_[stop] != curly_byte) ++stop;
      plain(decoded, text_.substr(at_, stop - at_));
      at_ = stop;
      const bool is_apostrophe =
          next_is("’") && at_ + 3 < text_.size() && is_any_letter(text_[at_ + 3]) && is_any_letter(text_[at_ - 1]);
      if (next_is(quotes.closing) && !is_apostrophe) break;
      if (at_end() || here() == '"' || next_is(quotes.opening)) {
        at_ = start;
        return fail("the quotes around a value do not match");
      }
      if (here() == '\\') {
        escape(decoded);
      } else {
        decoded += text_[at_++];
      }
    }
    at_ += quotes.closing.size();
    take(JsonRepair::curly_quotes);
    out.emplace_string() = decoded;
    return true;
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

  /// `(1, 2)` and `(1,)`, as Python writes tuples; `(1)` is none.
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

  bool key(std::string& out) {
    if (here() == '"' || here() == '\'') return string(out);
    if (const auto* const quotes = curly_quotes_here()) {
      const auto start = at_ + quotes->opening.size();
      const auto end = text_.find_first_of("\"\n\\:", start);
      const auto found = text_.substr(start, end - start).find(quotes->closing);
      if (found == std::string_view::npos) return fail("the quotes around a key do not match");
      take(JsonRepair::curly_quotes);
      out = text_.substr(start, found);
      at_ = start + found + quotes->closing.size();
      return true;
    }
    const auto start = at_;
    while (!at_end() && is_key_character(here())) ++at_;
    if (at_ == start) return fail("expected a key");
    const auto name = text_.substr(start, at_ - start);
    const bool has_quote = std::ranges::any_of(
        curly_quotes, [&](const Quotes& each) { return name.contains(each.opening) || name.contains(each.closing); });
    if (has_quote) return fail("the quotes around a key do not match");
    take(JsonRepair::unquoted_key);
    out = name;
    return true;
  }

  bool string(std::string& out) {
    const char quote = here();
    if (next_is(quote == '"' ? R"(""")" : "'''")) return long_string(out);
    if (quote == '\'') take(JsonRepair::single_quotes);
    for (++at_;;) {
      auto stop = at_;
      while (stop < text_.size() && text_[stop] != quote && text_[stop] != '\\') ++stop;
      plain(out, text_.substr(at_, stop - at_));
      at_ = stop;
      if (at_end()) {
        take(JsonRepair::unclosed_string);
        return true;
      }
      if (here() == '\\') {
        escape(out);
      } else if (quote == '\'' && is_stray_quote()) {
        take(JsonRepair::stray_quote);
        out += quote;
        ++at_;
      } else {
        ++at_;
        return true;
      }
    }
  }

  /// Python's string in three quotes, as it stands; line breaks next to the quotes belong to them.
  bool long_string(std::string& out) {
    const auto quotes = text_.substr(at_, 3);
    const auto end = text_.find(quotes, at_ + 3);
    if (end == std::string_view::npos) return fail("a string in three quotes does not end");
    auto inner = text_.substr(at_ + 3, end - at_ - 3);
    if (inner.contains('\\')) return fail("a string in three quotes holds a backslash, which may be an escape or not");
    take(JsonRepair::python_word);
    if (inner.starts_with('\n')) inner.remove_prefix(1);
    if (inner.ends_with('\n')) inner.remove_suffix(1);
    plain(out, inner);
    at_ = end + 3;
    return true;
  }

  void plain(std::string& out, std::string_view text) {
    out += text;
    if (repairs_.has(JsonRepair::line_break_in_string)) return;
    for (const char c : text) {
      if (static_cast<unsigned char>(c) < 0x20) take(JsonRepair::line_break_in_string);
    }
  }

  bool is_stray_quote() const noexcept {
    return at_ + 1 < text_.size() && is_any_letter(text_[at_ + 1]) && is_any_letter(text_[at_ - 1]);
  }

  void escape(std::string& out) {
    if (++at_ == text_.size()) return;  // `string` sees the end
    const char c = text_[at_++];
    switch (c) {
      case '"':
      case '\\':
      case '/': out += c; return;
      case 'b': out += '\b'; return;
      case 'f': out += '\f'; return;
      case 'n': out += '\n'; return;
      case 'r': out += '\r'; return;
      case 't': out += '\t'; return;
      case '\'':
        take(JsonRepair::bad_escape);
        out += c;
        return;
      case 'u':
        if (const auto code = hex()) {
          append_utf8(out, pair(*code));
          return;
        }
        break;
      default: break;
    }
    take(JsonRepair::bad_escape);
    out += '\\';
    --at_;  // what follows is read again as plain text
  }

  /// The four digits after `\u`, or nothing.
  std::optional<std::uint32_t> hex() noexcept {
    std::uint32_t code = 0;
    if (text_.size() - at_ < 4) return std::nullopt;
    const auto* first = text_.data() + at_;
    const auto [end, error] = std::from_chars(first, first + 4, code, 16);
    if (error != std::errc() || end != first + 4) return std::nullopt;
    at_ += 4;
    return code;
  }

  /// Joins a surrogate with the one that must follow.
  std::uint32_t pair(std::uint32_t code) {
    if (code < 0xD800 || code > 0xDFFF) return code;
    if (code < 0xDC00 && next_is("\\u")) {
      const auto after_high = at_;
      at_ += 2;
      const auto low = hex();
      if (low && *low >= 0xDC00 && *low <= 0xDFFF) return 0x10000 + ((code - 0xD800) << 10) + (*low - 0xDC00);
      at_ = after_high;
    }
    take(JsonRepair::bad_escape);
    return 0xFFFD;
  }

  /// The digits of `0x1F`, `0o17` and `0b101` stay text, which an integer reads: they may be a colour, or a name.
  bool based_number(Json& out) {
    constexpr std::string_view digits = "0123456789abcdefABCDEF";
    const auto sign = here() == '-' || here() == '+' ? 1U : 0U;
    const auto mark = text_.substr(at_ + sign, 2);
    const auto kinds = mark == "0x" || mark == "0X"   ? digits
                       : mark == "0o" || mark == "0O" ? digits.substr(0, 8)
                       : mark == "0b" || mark == "0B" ? digits.substr(0, 2)
                                                      : std::string_view();
    if (kinds.empty()) return false;
    const auto first = at_ + sign + mark.size();
    const auto end = std::min(text_.find_first_not_of(kinds, first), text_.size());
    if (end == first || (end < text_.size() && (is_key_character(text_[end]) || text_[end] == '.'))) return false;
    take(JsonRepair::python_word);
    out = text_.substr(at_, end - at_);
    at_ = end;
    return true;
  }

  bool number(Json& out) {
    if (based_number(out)) return true;
    const auto start = at_;
    bool grouped = false;  // 1_234, as Python may write it
    const auto digits = [&] {
      const auto first = at_;
      while (!at_end()) {
        if (here() == '_' && at_ > first && at_ + 1 < text_.size() && is_digit(text_[at_ - 1]) &&
            is_digit(text_[at_ + 1]))
          grouped = true;
        else if (!is_digit(here()))
          break;
        ++at_;
      }
      return at_ - first;
    };
    const bool has_plus = here() == '+';
    if (has_plus || here() == '-') ++at_;
    const bool leading_zero = !at_end() && here() == '0';
    const auto whole = digits();
    bool well_formed = !(leading_zero && whole > 1);
    bool is_integer = true;
    bool is_bare = false;  // `.5` and `1.`, as Python may write them
    if (!at_end() && here() == '.') {
      is_integer = false;
      ++at_;
      const auto places = digits();
      is_bare = whole == 0 || places == 0;
      // Where the text ends behind the point, more digits may have been cut off.
      const bool is_cut = text_.find_first_not_of(" \t\r\n", at_) == std::string_view::npos;
      well_formed = well_formed && (places > 0 || (whole > 0 && !is_cut));
    } else if (whole == 0) {
      well_formed = false;
    }
    if (!at_end() && (here() == 'e' || here() == 'E')) {
      is_integer = false;
      ++at_;
      if (!at_end() && (here() == '+' || here() == '-')) ++at_;
      well_formed = digits() > 0 && well_formed;
    }
    // `1,000` must not become 1, nor `12 apples` 12, nor `1.2.3` 1.2.
    if (!at_end() && (is_key_character(here()) || here() == '.' || here() == '%' || here() == '/')) {
      well_formed = next_is("//") || next_is("/*") ? well_formed : false;
    }
    if (!well_formed) {
      at_ = start;
      return fail("this is not a JSON number");
    }
    const auto written = text_.substr(start + (has_plus ? 1 : 0), at_ - start - (has_plus ? 1 : 0));
    if (is_bare || has_plus) take(JsonRepair::python_word);
    if (!grouped) {
      convert(out, written, is_integer);
      return true;
    }
    std::string ungrouped(written);
    std::erase(ungrouped, '_');
    take(JsonRepair::python_word);
    convert(out, ungrouped, is_integer);
    return true;
  }

  void convert(Json& out, std::string_view digits, bool is_integer) {
    const auto read = [&](auto number) {
      const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
      if (error != std::errc() || end != digits.data() + digits.size()) return false;
      out = number;
      return true;
    };
    if (is_integer && (read(std::int64_t{}) || read(std::uint64_t{}))) return;
    const bool is_float = read(double{});
    if (is_float && out.get_double() != std::trunc(out.get_double())) return;
    if (!is_misread_as_float(digits)) {
      if (!is_float) out = 0.0;  // however many zeros it is written with
      return;
    }
    take(JsonRepair::long_number);
    out = digits;
  }

  bool word(Json& out) {
    constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN();
    constexpr double infinity = std::numeric_limits<double>::infinity();
    struct Word {
      std::string_view text;
      Json value;
      bool python;
    };
    static const Word words[] = {
        {"true", true, false},          {"false", false, false},      {"null", nullptr, false},
        {"True", true, true},           {"False", false, true},       {"None", nullptr, true},
        {"TRUE", true, true},           {"FALSE", false, true},       {"NULL", nullptr, true},
        {"Null", nullptr, true},        {"NONE", nullptr, true},      {"NaN", not_a_number, true},
        {"nan", not_a_number, true},    {"Infinity", infinity, true}, {"inf", infinity, true},
        {"-Infinity", -infinity, true}, {"-inf", -infinity, true}};
    const auto start = at_;
    while (!at_end() && is_key_character(here())) ++at_;
    const auto found = text_.substr(start, at_ - start);
    for (const auto& candidate : words) {
      if (found != candidate.text) continue;
      if (candidate.python) take(JsonRepair::python_word);
      out = candidate.value;
      return true;
    }
    at_ = start;
    return fail("expected a value");
  }

  std::string_view text_;
  std::size_t at_;
  int depth_ = 0;
  std::size_t values_ = 0;
  JsonRepairs repairs_;
  JsonProblem problem_;
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
