#include "dspy/server/resources/resource.hpp"

#include "dspy/base/error.hpp"
#include "dspy/base/json.hpp"
#include "dspy/base/text.hpp"
#include "server/resources/cursor.hpp"

#include <algorithm>
#include <cmath>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <format>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace dspy::server {
namespace {

const ResourceField* find(const std::vector<ResourceField>& fields, std::string_view name) {
  const auto found = std::ranges::find(fields, name, &ResourceField::name);
  return found == fields.end() ? nullptr : &*found;
}

Error no_field(const std::vector<ResourceField>& fields, std::string_view verb, std::string_view name, bool sortable) {
  std::vector<std::string> names;
  for (const auto& field : fields) {
    if (!sortable || field.is_sortable) names.push_back(field.name);
  }
  return {Errc::bad_input, std::format("this list cannot be {} by `{}`{}", verb, name.substr(0, 64),
                                       names.empty() ? "" : std::format("; use {}", text::enumerate(names)))};
}

/// As a filter in a URL is compared with it.
std::string as_text(const Json& value) {
  return value.is_string() ? std::string(view(value.get_string())) : to_text(value);
}

bool meets(const JsonObject& item, std::string_view name, std::string_view wanted) {
  const auto* const value = item.if_contains(name);
  if (value == nullptr) return wanted.empty();
  if (value->is_array())
    return std::ranges::any_of(value->get_array(), [&](const Json& each) { return as_text(each) == wanted; });
  return as_text(*value) == wanted;
}

bool has_words(const JsonObject& item, const std::vector<ResourceField>& fields,
               const std::vector<std::string>& words) {
  std::string all;
  for (const auto& field : fields) {
    const auto* const value = field.is_searchable ? item.if_contains(field.name) : nullptr;
    if (value != nullptr) all += text::to_lower(as_text(*value)) + '\n';
  }
  return std::ranges::all_of(words, [&](const std::string& word) { return all.contains(word); });
}

std::vector<std::string> words_of(std::string_view typed) {
  std::vector<std::string> out;
  for (auto rest = text::trim(typed); !rest.empty(); rest = text::trim(rest)) {
    const auto end = std::min(rest.find_first_of(" \t\r\n"), rest.size());
    out.push_back(text::to_lower(rest.substr(0, end)));
    rest.remove_prefix(end);
  }
  return out;
}

/// Absent before numbers before texts; other values by their text.
std::weak_ordering order(const Json* a, const Json* b) {
  const auto kind = [](const Json* value) {
    return value == nullptr || value->is_null() ? 0 : value->is_number() ? 1 : 2;
  };
  if (const auto by_kind = kind(a) <=> kind(b); by_kind != 0 || kind(a) == 0) return by_kind;
  if (kind(a) == 1) {
    const auto x = a->to_number<double>();
    const auto y = b->to_number<double>();
    return x < y ? std::weak_ordering::less : y < x ? std::weak_ordering::greater : std::weak_ordering::equivalent;
  }
  return as_text(*a) <=> as_text(*b);
}

}  // namespace

ResourcePage page_of(std::vector<JsonObject> items, const std::vector<ResourceField>& fields,
                     const ResourceQuery& query) {
  for (const auto& [name, value] : query.filters) {
    if (find(fields, name) == nullptr) throw no_field(fields, "filtered", name, false);
  }
  if (!query.sort.empty()) {
    const auto* const field = find(fields, query.sort);
    if (field == nullptr || !field->is_sortable) throw no_field(fields, "sorted", query.sort, true);
  }
  const auto words = words_of(query.text);
  std::erase_if(items, [&](const JsonObject& item) {
    return !has_words(item, fields, words) || !std::ranges::all_of(query.filters, [&](const auto& filter) {
      return meets(item, filter.first, filter.second);
    });
  });
  if (!query.sort.empty()) {
    std::ranges::stable_sort(items, [&](const JsonObject& a, const JsonObject& b) {
      const auto by = order(a.if_contains(query.sort), b.if_contains(query.sort));
      return query.descending ? by > 0 : by < 0;
    });
  }
  ResourcePage page{.total = items.size()};
  std::size_t from = 0;
  if (!query.cursor.empty()) {
    const auto at = cursor_from(query.cursor, query.sort, query.descending);
    from = static_cast<std::size_t>(std::clamp<std::int64_t>(at.number, 0, static_cast<std::int64_t>(items.size())));
  }
  const auto to = std::min(items.size(), from + query.limit);
  for (auto i = from; i < to; ++i) page.items.push_back(std::move(items[i]));
  if (to < items.size())
    page.next = cursor_text(Cursor{.number = static_cast<std::int64_t>(to)}, query.sort, query.descending);
  return page;
}

}  // namespace dspy::server
