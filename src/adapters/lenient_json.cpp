#include "adapters/lenient_json.hpp"

#include <charconv>
#include <cmath>
#include <cstdint>
#include <string>

namespace dspy {
namespace {

bool is_word(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
}

void append_code_point(std::string& out, std::uint32_t code) {
  const auto byte = [&](std::uint32_t value) { out += static_cast<char>(value); };
  if (code < 0x80) {
    byte(code);
  } else if (code < 0x800) {
    byte(0xC0 | code >> 6);
    byte(0x80 | (code & 0x3F));
  } else if (code < 0x10000) {
    byte(0xE0 | code >> 12);
    byte(0x80 | (code >> 6 & 0x3F));
    byte(0x80 | (code & 0x3F));
  } else {
    byte(0xF0 | code >> 18);
    byte(0x80 | (code >> 12 & 0x3F));
    byte(0x80 | (code >> 6 & 0x3F));
    byte(0x80 | (code & 0x3F));
  }
}

class LenientReader {
 public:
  LenientReader(std::string_view text, std::size_t at, FlagList& flags) : text_(text), at_(at), flags_(flags) {}

  std::size_t position() const { return at_; }

  bool value(Json& out, int depth) {
    skip();
    if (at_end() || depth > max_json_depth) return false;
    switch (text_[at_]) {
      case '{': return object(out.emplace_object(), depth);
      case '[': return array(out.emplace_array(), depth);
      case '"':
      case '\'': {
        std::string content;
        if (!string(content)) return false;
        out = JsonString(content);
        return true;
      }
      default: return literal(out);
    }
  }

 private:
  bool at_end() const { return at_ >= text_.size(); }
  bool take(char wanted) {
    if (at_end() || text_[at_] != wanted) return false;
    ++at_;
    return true;
  }

  /// Passes over white space and comments.
  void skip() {
    while (!at_end()) {
      const char c = text_[at_];
      if (c == ' ' || c == '\t' || c == '\n' || c == '\r') {
        ++at_;
      } else if (text_.substr(at_, 2) == "//" || c == '#') {
        flags_.add("comment_in_json");
        at_ = std::min(text_.find('\n', at_), text_.size());
      } else if (text_.substr(at_, 2) == "/*") {
        flags_.add("comment_in_json");
        const auto close = text_.find("*/", at_ + 2);
        at_ = close == std::string_view::npos ? text_.size() : close + 2;
      } else {
        return;
      }
    }
  }

  /// True if the text ended where a closer was due, which is then taken as written.
  bool closed_by_end() {
    if (!at_end()) return false;
    flags_.add("missing_closer");
    return true;
  }

  bool object(JsonObject& out, int depth) {
    ++at_;
    while (true) {
      skip();
      if (take('}') || closed_by_end()) return true;
      std::string key;
      if (!this->key(key)) return false;
      skip();
      if (!take(':')) return false;
      skip();
      if (closed_by_end()) return true;  // a key without its value is dropped
      Json value;
      if (!this->value(value, depth + 1)) return false;
      if (out.contains(key)) flags_.add("duplicate_key");
      out[key] = std::move(value);
      skip();
      if (!separated('}')) return take('}') || closed_by_end();
    }
  }

  bool array(JsonArray& out, int depth) {
    ++at_;
    while (true) {
      skip();
      if (take(']') || closed_by_end()) return true;
      Json item;
      if (!value(item, depth + 1)) return false;
      out.push_back(std::move(item));
      skip();
      if (!separated(']')) return take(']') || closed_by_end();
    }
  }

  /// Takes a comma; flags one that nothing follows.
  bool separated(char closer) {
    if (!take(',')) return false;
    skip();
    if (!at_end() && text_[at_] == closer) flags_.add("trailing_comma");
    return true;
  }

  bool key(std::string& out) {
    if (text_[at_] == '"' || text_[at_] == '\'') return string(out);
    const auto begin = at_;
    while (!at_end() && is_word(text_[at_])) ++at_;
    out = text_.substr(begin, at_ - begin);
    if (!out.empty()) flags_.add("bare_key");
    return !out.empty();
  }

  bool string(std::string& out) {
    const char quote = text_[at_++];
    if (quote == '\'') flags_.add("single_quotes");
    while (!at_end()) {
      const char c = text_[at_++];
      if (c == quote) return true;
      if (c == '\\') {
        if (!escape(out)) return false;
      } else {
        if (static_cast<unsigned char>(c) < 0x20) flags_.add("control_character");
        out += c;
      }
    }
    flags_.add("missing_closer");
    return true;
  }

  bool escape(std::string& out) {
    if (at_end()) {
      flags_.add("missing_closer");
      return true;
    }
    const char c = text_[at_++];
    switch (c) {
      case 'n': out += '\n'; return true;
      case 't': out += '\t'; return true;
      case 'r': out += '\r'; return true;
      case 'b': out += '\b'; return true;
      case 'f': out += '\f'; return true;
      case '"':
      case '\'':
      case '\\':
      case '/': out += c; return true;
      case 'u': return unicode_escape(out);
      default:
        flags_.add("unknown_escape");
        out += '\\';
        out += c;
        return true;
    }
  }

  std::optional<std::uint32_t> four_digits() {
    std::uint32_t code = 0;
    const auto digits = text_.substr(std::min(at_, text_.size()), 4);
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), code, 16);
    if (error != std::errc() || end != digits.data() + 4) return std::nullopt;
    at_ += 4;
    return code;
  }

  bool unicode_escape(std::string& out) {
    auto code = four_digits();
    if (!code) return false;
    if (*code >= 0xD800 && *code < 0xDC00 && text_.substr(at_, 2) == "\\u") {
      const auto before = at_;
      at_ += 2;
      const auto low = four_digits();
      if (low && *low >= 0xDC00 && *low < 0xE000) {
        code = 0x10000 + ((*code - 0xD800) << 10) + (*low - 0xDC00);
      } else {
        at_ = before;
      }
    }
    if (*code >= 0xD800 && *code < 0xE000) {
      flags_.add("lone_surrogate");
      code = 0xFFFD;
    }
    append_code_point(out, *code);
    return true;
  }

  bool literal(Json& out) {
    const auto begin = at_;
    while (!at_end() && (is_word(text_[at_]) || text_[at_] == '.' || text_[at_] == '+')) ++at_;
    const auto word = text_.substr(begin, at_ - begin);
    if (word == "true" || word == "True") {
      out = true;
    } else if (word == "false" || word == "False") {
      out = false;
    } else if (word == "null" || word == "None") {
      out = nullptr;
    } else {
      return number(word, out);
    }
    if (word[0] < 'a') flags_.add("python_literal");
    return true;
  }

  static bool number(std::string_view word, Json& out) {
    const auto* end = word.data() + word.size();
    std::int64_t whole = 0;
    if (const auto [stop, error] = std::from_chars(word.data(), end, whole); error == std::errc() && stop == end) {
      out = whole;
      return true;
    }
    double number = 0;
    const auto [stop, error] = std::from_chars(word.data(), end, number);
    if (error != std::errc() || stop != end || !std::isfinite(number)) return false;
    out = number;
    return true;
  }

  std::string_view text_;
  std::size_t at_;
  FlagList& flags_;
};

}  // namespace

std::optional<LenientValue> read_lenient_json(std::string_view text, std::size_t begin, FlagList& flags) {
  LenientReader reader(text, begin, flags);
  LenientValue found;
  if (!reader.value(found.value, 1)) return std::nullopt;
  found.end = reader.position();
  return found;
}

}  // namespace dspy
