#include "adapters/json/json_follower.hpp"

#include "adapters/json/lenient_json.hpp"
#include "base/unicode/letters.hpp"
#include "dspy/base/text.hpp"

#include <algorithm>

namespace dspy {
namespace {

constexpr std::size_t longest_key = 256;

using text::is_any_letter;

}  // namespace

void JsonFollower::advance(std::string_view text, const Sink& sink) {
  while (state_ != State::stopped && step(text, sink)) {
  }
}

/// One step of the object.  False if more text is needed for the next.
bool JsonFollower::step(std::string_view text, const Sink& sink) {
  if (state_ == State::string) return read_string(text, sink);
  if (state_ == State::other) return read_other(text, sink);

  at_ = std::min(text.find_first_not_of(" \t\r\n", at_), text.size());
  if (at_ == text.size()) return false;
  const char c = text[at_];
  switch (state_) {
    case State::key: return read_key(text);
    case State::colon:
      state_ = c == ':' ? State::value : State::stopped;
      ++at_;
      return true;
    case State::value:
      quote_ = c == '"' || c == '\'' ? c : '\0';
      if (quote_ != 0 && at_ + 1 < text.size() && text[at_ + 1] == c) {
        if (at_ + 2 == text.size()) return false;  // an empty string, or one in three quotes
        if (text[at_ + 2] == c) {
          state_ = State::stopped;
          return true;
        }
      }
      state_ = quote_ != 0 ? State::string : State::other;
      begin_ = at_;
      depth_ = 0;
      if (quote_ != 0) ++at_;
      return true;
    default:
      state_ = c == ',' ? State::key : State::stopped;
      ++at_;
      return true;
  }
}

bool JsonFollower::read_key(std::string_view text) {
  const char quote = text[at_] == '"' || text[at_] == '\'' ? text[at_] : '\0';
  const auto start = at_ + (quote != 0 ? 1 : 0);
  const auto end = quote != 0 ? text.find(quote, start) : text.find_first_of(":,}", start);
  if (end == std::string_view::npos) {
    if (text.size() - at_ > longest_key) state_ = State::stopped;
    return false;
  }
  const auto key = text::trim(text.substr(start, end - start));
  output_ = labels_.find_output(key);
  at_ = end + (quote != 0 ? 1 : 0);
  state_ = key.empty() || key.contains('\\') ? State::stopped : State::colon;
  return true;
}

bool JsonFollower::read_string(std::string_view text, const Sink& sink) {
  auto stop = at_;
  while (stop < text.size() && text[stop] != quote_ && text[stop] != '\\') ++stop;
  if (stop != at_) {
    send(sink, text.substr(at_, stop - at_), false);
    at_ = stop;
  }
  if (at_ == text.size()) return false;
  if (text[at_] == '\\') return read_escape(text, sink);
  if (quote_ == '\'') {
    // `it's`: whether a single quote ends the string depends on its neighbours.
    if (at_ + 1 == text.size()) return false;
    if (is_any_letter(text[at_ - 1]) && is_any_letter(text[at_ + 1])) {
      send(sink, "'", false);
      ++at_;
      return true;
    }
  }
  ++at_;
  send(sink, {}, true);
  state_ = State::comma;
  return true;
}

bool JsonFollower::read_escape(std::string_view text, const Sink& sink) {
  const auto rest = text.substr(at_);
  std::size_t size = rest.size() > 1 && rest[1] == 'u' ? 6 : 2;
  // The first half of a pair is decoded together with the second.
  const bool high = size == 6 && rest.size() > 3 && (rest[2] == 'd' || rest[2] == 'D') &&
                    std::string_view("89abAB").contains(rest[3]);
  if (high) size = 12;
  if (rest.size() < size) return false;
  auto escape = rest.substr(0, size);
  if (high && escape[6] != '\\') escape = escape.substr(0, 6);
  const auto decoded = read_lenient_json('"' + std::string(escape) + '"');
  if (!decoded || decoded->end != escape.size() + 2) {
    state_ = State::stopped;
    return true;
  }
  send(sink, view(decoded->value.get_string()), false);
  at_ += escape.size();
  return true;
}

/// A number, word, list or object: everything up to the comma or bracket that ends it.
bool JsonFollower::read_other(std::string_view text, const Sink& sink) {
  for (; at_ < text.size(); ++at_) {
    const char c = text[at_];
    if (quote_ != 0) {
      if (c == '\\') {
        if (at_ + 1 == text.size()) return false;
        ++at_;
      } else if (c == quote_) {
        quote_ = 0;
      }
    } else if (c == '"' || c == '\'') {
      quote_ = c;
    } else if (c == '[' || c == '{') {
      ++depth_;
    } else if (c == ']' || c == '}' || c == ',') {
      if (depth_ == 0) break;
      if (c != ',') --depth_;
    }
  }
  if (at_ == text.size()) return false;
  const auto raw = text::trim(text.substr(begin_, at_ - begin_));
  auto value = read_lenient_json(raw);
  state_ = State::stopped;
  if (!value || value->end != raw.size()) return true;
  if (value->value.is_string()) {
    send(sink, view(value->value.get_string()), true);
  } else if (!value->value.is_null()) {
    send(sink, to_text(value->value), true);
  }
  state_ = State::comma;
  return true;
}

void JsonFollower::send(const Sink& sink, std::string_view text, bool done) const {
  if (output_ != labels_.signature().outputs.size()) sink(output_, text, done);
}

}  // namespace dspy
