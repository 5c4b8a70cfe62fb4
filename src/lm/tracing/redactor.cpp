#include "dspy/lm/tracing/redactor.hpp"

#include "dspy/base/text.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <utility>

namespace dspy {
namespace {

/// Names of headers and members whose values are secret.
constexpr auto secret_names = std::to_array<std::string_view>(
    {"authorization", "proxy-authorization", "x-api-key", "x-goog-api-key", "api-key", "api_key", "apikey", "cookie",
     "set-cookie", "password", "passwd", "secret", "client_secret", "access_token", "refresh_token", "private_key"});

/// The beginnings of well-known providers' keys, and the fewest characters that follow.
struct Form {
  std::string_view start;
  std::size_t least;
};
constexpr auto forms = std::to_array<Form>({{"sk-", 16},
                                            {"AIza", 30},
                                            {"ghp_", 30},
                                            {"github_pat_", 30},
                                            {"gsk_", 30},
                                            {"hf_", 20},
                                            {"xai-", 30},
                                            {"pplx-", 30},
                                            {"AKIA", 16},
                                            {"r8_", 30},
                                            {"glpat-", 16},
                                            {"xoxb-", 20},
                                            {"dspy_", 64}});

/// Names of keys in URLs.
constexpr auto parameters =
    std::to_array<std::string_view>({"key=", "token=", "api_key=", "apikey=", "access_token=", "sig=", "signature="});

bool is_key_character(char c) noexcept {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ||
         c == '.' || c == '+' || c == '/' || c == '=' || c == '~';
}

bool is_word_character(char c) noexcept {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
}

std::size_t end_of_key(std::string_view text, std::size_t at) noexcept {
  while (at < text.size() && is_key_character(text[at])) ++at;
  return at;
}

bool starts_with(std::string_view text, std::size_t at, std::string_view what) noexcept {
  return text.size() - at >= what.size() && text::equals_ignoring_case(text.substr(at, what.size()), what);
}

bool is_secret_name(std::string_view name) noexcept {
  return std::ranges::any_of(secret_names, [&](auto each) { return text::equals_ignoring_case(name, each); });
}

/// One pass over a text.  Each check returns where a secret begins and ends, if one begins here.
class Pass {
 public:
  explicit Pass(std::string_view text) : text_(text) {}

  std::string run() {
    while (at_ < text_.size()) {
      if (!take_form() && !take_bearer() && !take_named() && !take_parameter() && !take_user()) out_ += text_[at_++];
    }
    return std::move(out_);
  }

 private:
  bool is_at_word() const noexcept { return at_ == 0 || !is_word_character(text_[at_ - 1]); }

  void hide(std::size_t from, std::size_t to) {
    out_ += text_.substr(at_, from - at_);
    out_ += Redactor::replacement;
    at_ = to;
  }

  bool take_form() {
    if (!is_at_word()) return false;
    for (const auto& form : forms) {
      if (!text_.substr(at_).starts_with(form.start)) continue;
      const auto end = end_of_key(text_, at_);
      if (end - at_ < form.start.size() + form.least) continue;
      hide(at_, end);
      return true;
    }
    return false;
  }

  bool take_bearer() {
    if (!is_at_word()) return false;
    for (const std::string_view scheme : {"Bearer ", "Basic "}) {
      if (!starts_with(text_, at_, scheme)) continue;
      const auto from = at_ + scheme.size();
      const auto end = end_of_key(text_, from);
      if (end - from < 8) continue;
      hide(from, end);
      return true;
    }
    return false;
  }

  /// `x-api-key: …` up to the line's end, and `"api_key": "…"` up to the quote.
  bool take_named() {
    if (!is_at_word()) return false;
    for (const auto name : secret_names) {
      if (!starts_with(text_, at_, name)) continue;
      auto at = at_ + name.size();
      const bool is_quoted = at < text_.size() && text_[at] == '"';
      at += is_quoted ? 1 : 0;
      while (at < text_.size() && text_[at] == ' ') ++at;
      if (at >= text_.size() || (text_[at] != ':' && text_[at] != '=')) continue;
      if (text_[at] == '=' && name.find('-') != std::string_view::npos) continue;
      ++at;
      while (at < text_.size() && text_[at] == ' ') ++at;
      const bool has_quote = at < text_.size() && text_[at] == '"';
      at += has_quote ? 1 : 0;
      auto end = at;
      while (end < text_.size() &&
             (has_quote ? text_[end] != '"'
                        : text_[end] != '\n' && text_[end] != '\r' && text_[end] != '"' && text_[end] != '\''))
        ++end;
      if (end == at) continue;
      hide(at, end);
      return true;
    }
    return false;
  }

  bool take_parameter() {
    if (at_ == 0 || (text_[at_ - 1] != '?' && text_[at_ - 1] != '&')) return false;
    for (const auto name : parameters) {
      if (!starts_with(text_, at_, name)) continue;
      const auto from = at_ + name.size();
      auto end = from;
      while (end < text_.size() && text_[end] != '&' && text_[end] != '#' && text_[end] != ' ' && text_[end] != '"' &&
             text_[end] != '\'' && text_[end] != '\n')
        ++end;
      hide(from, end);
      return true;
    }
    return false;
  }

  /// `://user:password@`
  bool take_user() {
    if (!starts_with(text_, at_, "://")) return false;
    const auto from = at_ + 3;
    for (auto end = from; end < text_.size(); ++end) {
      const char c = text_[end];
      if (c == '/' || c == ' ' || c == '"' || c == '?' || c == '#' || c == '\n') return false;
      if (c != '@') continue;
      hide(from, end);
      return true;
    }
    return false;
  }

  std::string_view text_;
  std::string out_;
  std::size_t at_ = 0;
};

void replace_all(std::string& text, std::string_view what) {
  for (auto at = text.find(what); at != std::string::npos; at = text.find(what, at + Redactor::replacement.size()))
    text.replace(at, what.size(), Redactor::replacement);
}

}  // namespace

void Redactor::add(Secret secret) {
  if (secret.reveal().size() >= 8) secrets_.push_back(std::move(secret));
}

std::string Redactor::redacted(std::string_view text) const {
  std::string known(text);
  for (const auto& secret : secrets_) replace_all(known, secret.reveal());
  return Pass(known).run();
}

void Redactor::redact(Json& value) const {
  if (value.is_string()) {
    value = redacted(view(value.get_string()));
  } else if (value.is_array()) {
    for (auto& each : value.get_array()) redact(each);
  } else if (value.is_object()) {
    for (auto& member : value.get_object()) {
      if (is_secret_name(member.key()) && !member.value().is_null()) {
        member.value() = replacement;
      } else {
        redact(member.value());
      }
    }
  }
}

}  // namespace dspy
