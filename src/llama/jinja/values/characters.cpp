#include "llama/jinja/values/characters.hpp"

#include "dspy/base/unicode.hpp"

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

namespace dspy::llama::jinja {
namespace {

bool goes_on(char byte) noexcept {
  return (static_cast<unsigned char>(byte) & 0xC0U) == 0x80U;
}

bool is_space(std::string_view character) {
  if (character.size() == 1) {
    const auto byte = static_cast<unsigned char>(character.front());
    return byte == ' ' || (byte >= 0x09 && byte <= 0x0d) || (byte >= 0x1c && byte <= 0x1f);
  }
  const auto points = text::code_points(character);
  return points.size() == 1 && text::is_space(points.front());
}

std::string_view first_of(std::string_view text) noexcept {
  return text.substr(0, first_size(text));
}

std::string_view last_of(std::string_view text) noexcept {
  auto start = text.size() - 1;
  while (start > 0 && text.size() - start < 4 && goes_on(text[start])) --start;
  if (start + first_size(text.substr(start)) != text.size()) start = text.size() - 1;
  return text.substr(start);
}

}  // namespace

std::size_t first_size(std::string_view text) noexcept {
  const auto lead = text.empty() ? 0U : static_cast<unsigned char>(text.front());
  const std::size_t wanted = lead < 0xC0 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
  std::size_t size = 1;
  while (size < wanted && size < text.size() && goes_on(text[size])) ++size;
  return size == wanted ? size : 1;
}

std::size_t length(std::string_view text) noexcept {
  if (std::ranges::none_of(text, [](char byte) { return static_cast<unsigned char>(byte) >= 0x80; }))
    return text.size();
  std::size_t count = 0;
  for (; !text.empty(); ++count) text.remove_prefix(first_size(text));
  return count;
}

std::size_t offset(std::string_view text, std::size_t character) noexcept {
  std::size_t at = 0;
  for (; character > 0 && at < text.size(); --character) at += first_size(text.substr(at));
  return at;
}

Text stripped(const Text& text, Side side, const std::string_view* what) {
  const auto goes = [&](std::string_view character) {
    return what == nullptr ? is_space(character) : what->contains(character);
  };
  auto rest = text.view();
  std::size_t begin = 0;
  while (side != Side::right && !rest.empty() && goes(first_of(rest))) {
    begin += first_of(rest).size();
    rest.remove_prefix(first_of(rest).size());
  }
  while (side != Side::left && !rest.empty() && goes(last_of(rest))) rest.remove_suffix(last_of(rest).size());
  return text.part(begin, begin + rest.size());
}

std::vector<Text> split(const Text& text, const std::string_view* separator, long most) {
  std::vector<Text> out;
  const auto view = text.view();
  std::size_t begin = 0;
  if (separator != nullptr) {
    for (auto at = view.find(*separator); at != std::string_view::npos && most != 0;
         at = view.find(*separator, begin)) {
      out.push_back(text.part(begin, at));
      begin = at + separator->size();
      if (most > 0) --most;
    }
    out.push_back(text.part(begin, view.size()));
    return out;
  }
  while (begin < view.size()) {
    const auto character = first_of(view.substr(begin));
    if (is_space(character)) {
      begin += character.size();
      continue;
    }
    auto end = begin;
    if (most == 0) {
      out.push_back(stripped(text.part(begin, view.size()), Side::right, nullptr));
      return out;
    }
    while (end < view.size() && !is_space(first_of(view.substr(end)))) end += first_of(view.substr(end)).size();
    out.push_back(text.part(begin, end));
    begin = end;
    if (most > 0) --most;
  }
  return out;
}

std::vector<Text> split_from_right(const Text& text, const std::string_view* separator, long most) {
  if (most < 0) return split(text, separator, most);
  std::vector<Text> out;
  const auto view = text.view();
  auto end = view.size();
  if (separator != nullptr) {
    while (most-- > 0) {
      const auto at = end < separator->size() ? view.npos : view.rfind(*separator, end - separator->size());
      if (at == view.npos) break;
      out.push_back(text.part(at + separator->size(), end));
      end = at;
    }
    out.push_back(text.part(0, end));
  } else {
    while (end > 0) {
      const auto last = last_of(view.substr(0, end));
      if (is_space(last)) {
        end -= last.size();
        continue;
      }
      if (most-- == 0) {
        out.push_back(stripped(text.part(0, end), Side::left, nullptr));
        break;
      }
      auto begin = end;
      while (begin > 0 && !is_space(last_of(view.substr(0, begin)))) begin -= last_of(view.substr(0, begin)).size();
      out.push_back(text.part(begin, end));
      end = begin;
    }
  }
  std::ranges::reverse(out);
  return out;
}

std::vector<Text> lines(const Text& text) {
  std::vector<Text> out;
  const auto view = text.view();
  std::size_t begin = 0;
  while (begin < view.size()) {
    const auto end = std::min(view.find_first_of("\n\r\v\f\x1c\x1d\x1e", begin), view.size());
    out.push_back(text.part(begin, end));
    begin = end + (view.substr(end).starts_with("\r\n") ? 2 : 1);
  }
  return out;
}

Text replaced(const Text& text, std::string_view from, const Text& to, long most) {
  Text out;
  const auto view = text.view();
  std::size_t begin = 0;
  if (from.empty()) {  // before each character, and at the end
    for (; most != 0 && begin < view.size(); --most) {
      const auto size = first_size(view.substr(begin));
      out.append(to);
      out.append(text.part(begin, begin + size));
      begin += size;
    }
    out.append(text.part(begin, view.size()));
    if (most != 0) out.append(to);
    return out;
  }
  for (auto at = view.find(from); at != std::string_view::npos && most != 0; at = view.find(from, begin), --most) {
    out.append(text.part(begin, at));
    out.append(to);
    begin = at + from.size();
  }
  out.append(text.part(begin, view.size()));
  return out;
}

std::string upper(std::string_view text) {
  std::string out(text);
  for (auto& byte : out) {
    if (byte >= 'a' && byte <= 'z') byte = static_cast<char>(byte - 'a' + 'A');
  }
  return out;
}

std::string lower(std::string_view text) {
  if (std::ranges::any_of(text, [](char byte) { return static_cast<unsigned char>(byte) >= 0x80; }))
    return text::to_utf8(text::to_lower(text::code_points(text)));
  std::string out(text);
  for (auto& byte : out) {
    if (byte >= 'A' && byte <= 'Z') byte = static_cast<char>(byte - 'A' + 'a');
  }
  return out;
}

}  // namespace dspy::llama::jinja
