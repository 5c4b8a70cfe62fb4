#include "lm/uri.hpp"

#include "base/unicode/letters.hpp"
#include "dspy/base/error.hpp"
#include "dspy/base/text.hpp"

#include <algorithm>
#include <format>

namespace dspy {
namespace {

using text::is_digit;
using text::is_letter;

constexpr bool is_scheme_character(char c) noexcept {
  return is_letter(c) || is_digit(c) || c == '+' || c == '-' || c == '.' || c == '_';
}

constexpr int hex_digit(char c) noexcept {
  if (is_digit(c)) return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

/// Reads one URI; errors name the position.
class Reader {
 public:
  explicit Reader(std::string_view uri) : uri_(uri) {}

  LMUri read() {
    if (const auto position = text::invalid_utf8(uri_)) fail(*position, "this is not UTF-8");
    LMUri parts;
    parts.scheme = scheme();
    const auto path_start = parts.scheme.size() + 1;
    const auto path_end = std::min(uri_.find('?', path_start), uri_.size());
    parts.path = decoded(path_start, path_end);
    if (parts.path.empty())
      fail(path_start, "the path is empty; put the model there, as in `llama:models/dspy-tiny.gguf`");
    for (auto start = path_end + 1; start < uri_.size();) {
      const auto end = std::min(uri_.find('&', start), uri_.size());
      if (end != start) parts.options.push_back(option(start, end));
      start = end + 1;
    }
    return parts;
  }

 private:
  std::string scheme() const {
    const auto end = std::min(uri_.find('?'), uri_.size());
    const auto mark = uri_.substr(0, end).find_first_of(":/");
    const auto name = uri_.substr(0, std::min(mark, end));
    const bool is_file = mark == std::string_view::npos || uri_[mark] == '/';
    if (is_file && uri_.substr(0, end).ends_with(".gguf"))
      fail(0, std::format("a model file is named by `llama:path`; did you mean `llama:{}`?", uri_));
    if (mark == std::string_view::npos)
      fail(0, "a language model is named by `provider/model` or `scheme:path`, such as " + example(name));
    if (name.empty() || !is_letter(name[0]) || !std::ranges::all_of(name, is_scheme_character))
      fail(0, std::format("`{}` is neither a provider nor a scheme; one is a word such as `openai` or `llama`", name));
    return text::to_lower(name);
  }

  /// An example of the right form, with the provider that the model's name suggests, if any.
  static std::string example(std::string_view model) {
    for (const auto& [start, provider] :
         {std::pair("gpt-", "openai"), std::pair("o1", "openai"), std::pair("o3", "openai"), std::pair("o4", "openai"),
          std::pair("claude", "anthropic"), std::pair("gemini", "gemini")})
      if (model.starts_with(start)) return std::format("`{}/{}`", provider, model);
    return "`openai/gpt-5.4-mini` or `llama:models/dspy-tiny.gguf`";
  }

  std::pair<std::string, std::string> option(std::size_t start, std::size_t end) const {
    const auto equals = uri_.substr(start, end - start).find('=');
    if (equals == std::string_view::npos || equals == 0)
      fail(start, std::format("the option `{}` is not written `name=value`", uri_.substr(start, end - start)));
    return {decoded(start, start + equals), decoded(start + equals + 1, end)};
  }

  std::string decoded(std::size_t start, std::size_t end) const {
    std::string out;
    out.reserve(end - start);
    for (auto i = start; i < end; ++i) {
      if (uri_[i] != '%') {
        out += uri_[i];
        continue;
      }
      const int high = i + 2 < end ? hex_digit(uri_[i + 1]) : -1;
      const int low = i + 2 < end ? hex_digit(uri_[i + 2]) : -1;
      if (high < 0 || low < 0)
        fail(i, "`%` needs two hexadecimal digits after it; a plain percent sign is written `%25`");
      out += static_cast<char>(high * 16 + low);
      i += 2;
    }
    if (text::invalid_utf8(out) || out.contains('\0')) fail(start, "percent signs stand for bytes that are not text");
    return out;
  }

  [[noreturn]] void fail(std::size_t position, const std::string& reason) const {
    throw Error(Errc::config_error,
                std::format("the LM URI `{}` cannot be read at byte {}: {}",
                            text::invalid_utf8(uri_) ? "(not UTF-8)" : uri_, position, reason),
                {.position = position});
  }

  std::string_view uri_;
};

}  // namespace

LMUri parse_lm_uri(std::string_view uri) {
  return Reader(uri).read();
}

}  // namespace dspy
