#include "dspy/base/json_pointer.hpp"

#include <algorithm>
#include <charconv>

namespace dspy {
namespace {

/// Takes the first step off `pointer`, with escapes undone; nothing if it does not begin with `/`.
std::optional<std::string> take_step(std::string_view& pointer) {
  if (!pointer.starts_with('/')) return std::nullopt;
  pointer.remove_prefix(1);
  const auto written = pointer.substr(0, pointer.find('/'));
  pointer.remove_prefix(written.size());
  std::string step;
  for (std::size_t i = 0; i < written.size(); ++i) {
    const bool escaped = written[i] == '~' && i + 1 < written.size();
    step += !escaped ? written[i] : written[i + 1] == '1' ? '/' : '~';
    i += escaped ? 1 : 0;
  }
  return step;
}

std::optional<std::size_t> index_of(std::string_view step) {
  std::size_t index = 0;
  const auto [stop, error] = std::from_chars(step.data(), step.data() + step.size(), index);
  if (error != std::errc() || stop != step.data() + step.size()) return std::nullopt;
  return index;
}

/// Walks over a text that is known to be JSON.
class Walker {
 public:
  explicit Walker(std::string_view text) : text_(text) { skip_blank(); }

  std::size_t position() const noexcept { return at_; }

  /// Moves from the start of a value to the start of a member or item of it.
  bool enter(std::string_view step) {
    if (!has('{') && !has('[')) return false;
    const bool is_object = has('{');
    const auto wanted = is_object ? std::nullopt : index_of(step);
    if (!is_object && !wanted) return false;
    ++at_;
    skip_blank();
    for (std::size_t index = 0; !has('}') && !has(']'); ++index) {
      bool found = wanted == index;
      if (is_object) {
        const auto begin = at_;
        skip_string();
        const auto key = parse_json(text_.substr(begin, at_ - begin));
        found = key && key->is_string() && view(key->get_string()) == step;
        skip_blank();
        ++at_;  // the colon
        skip_blank();
      }
      if (found) return true;
      skip_value();
      skip_blank();
      if (has(',')) ++at_;
      skip_blank();
    }
    return false;
  }

 private:
  bool has(char c) const noexcept { return at_ < text_.size() && text_[at_] == c; }

  void skip_blank() { at_ = std::min(text_.find_first_not_of(" \t\r\n", at_), text_.size()); }

  void skip_string() {
    for (++at_; at_ < text_.size() && text_[at_] != '"'; ++at_) at_ += text_[at_] == '\\' ? 1 : 0;
    at_ = std::min(at_ + 1, text_.size());
  }

  void skip_value() {
    std::size_t depth = 0;
    do {
      skip_blank();
      if (has('"')) {
        skip_string();
      } else if (has('{') || has('[')) {
        ++depth;
        ++at_;
      } else if (has('}') || has(']')) {
        --depth;
        ++at_;
      } else if (has(',') || has(':')) {
        ++at_;
      } else {
        at_ = std::min(text_.find_first_of(",:[]{} \t\r\n", at_), text_.size());
      }
    } while (depth > 0 && at_ < text_.size());
  }

  std::string_view text_;
  std::size_t at_ = 0;
};

}  // namespace

std::string step_into(std::string_view pointer, std::string_view member) {
  std::string out(pointer);
  out += '/';
  for (const char c : member) {
    if (c == '~') {
      out += "~0";
    } else if (c == '/') {
      out += "~1";
    } else {
      out += c;
    }
  }
  return out;
}

const Json* find_at(const Json& root, std::string_view pointer) {
  const auto* value = &root;
  while (value != nullptr && !pointer.empty()) {
    const auto step = take_step(pointer);
    if (!step) return nullptr;
    if (const auto* members = value->if_object()) {
      value = members->if_contains(*step);
    } else if (const auto* items = value->if_array()) {
      const auto index = index_of(*step);
      value = index && *index < items->size() ? &(*items)[*index] : nullptr;
    } else {
      value = nullptr;
    }
  }
  return value;
}

std::optional<std::size_t> position_of(std::string_view text, std::string_view pointer) {
  Walker walker(text);
  while (!pointer.empty()) {
    const auto step = take_step(pointer);
    if (!step || !walker.enter(*step)) return std::nullopt;
  }
  return walker.position();
}

}  // namespace dspy
