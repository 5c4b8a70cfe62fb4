// Plans as people write them.  Both notations become the same JSON; where an error is, is found afterwards from its
// JSON pointer: in a JSON text by walking it, in TOML by what its reader noted down.

#include "dspy/base/error.hpp"
#include "dspy/base/json_pointer.hpp"
#include "dspy/base/text.hpp"
#include "dspy/flow/plan.hpp"

#include <toml++/toml.hpp>

#include <algorithm>
#include <cstddef>
#include <format>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace dspy {
namespace {

std::string line_and_column(std::string_view text, std::size_t at) {
  const auto before = text.substr(0, std::min(at, text.size()));
  const auto line = std::ranges::count(before, '\n') + 1;
  const auto start = before.rfind('\n');
  return std::format("{}:{}", line, before.size() - (start == std::string_view::npos ? 0 : start + 1) + 1);
}

/// A TOML document as JSON, and where each of its values begins.
class TomlReader {
 public:
  explicit TomlReader(std::string_view source) : source_(source) {}

  JsonObject table(const toml::table& table, const std::string& place) {
    note(place, table.source());
    JsonObject out;
    for (const auto& [key, value] : table) {
      const auto where = step_into(place, key.str());
      out[key.str()] = json(value, where);
      note(where, key.source());  // the key says more than the value
    }
    return out;
  }

  std::optional<std::string> find(std::string_view place) const {
    const auto found = places_.find(place);
    return found == places_.end() ? std::nullopt : std::optional(found->second);
  }

 private:
  void note(const std::string& place, const toml::source_region& at) {
    if (at.begin.line > 0) places_.insert_or_assign(place, std::format("{}:{}", at.begin.line, at.begin.column));
  }

  Json json(const toml::node& node, const std::string& place) {
    note(place, node.source());
    if (const auto* const table = node.as_table()) return this->table(*table, place);
    if (const auto* const array = node.as_array()) {
      JsonArray out;
      for (std::size_t i = 0; i < array->size(); ++i)
        out.push_back(json(*array->get(i), std::format("{}/{}", place, i)));
      return out;
    }
    if (const auto* const text = node.as_string()) return Json(text->get());
    if (const auto* const number = node.as_integer()) return Json(number->get());
    if (const auto* const number = node.as_floating_point()) return Json(number->get());
    if (const auto* const flag = node.as_boolean()) return Json(flag->get());
    throw Error(Errc::config_error, std::format("{}:{}: dates and times are not allowed here; write a string", source_,
                                                find(place).value_or("?")));
  }

  std::string_view source_;
  std::map<std::string, std::string, std::less<>> places_;
};

/// The position of a pointer, or of the nearest thing around it that is in the text.
std::string position(std::string place, const std::function<std::optional<std::string>(const std::string&)>& find) {
  while (true) {
    if (auto found = find(place)) return *std::move(found);
    if (place.empty()) return "1:1";
    place.resize(place.rfind('/'));
  }
}

/// Reads the plan; errors, which begin with a pointer, then begin with `source` and its position.
FlowPlan placed(const JsonObject& written, std::string_view source,
                const std::function<std::optional<std::string>(const std::string&)>& find) {
  try {
    return flow_plan_from_json(written);
  } catch (const Error& error) {
    const std::string_view what = error.what();
    const auto end = what.starts_with('/') ? what.find(": ") : std::string_view::npos;
    if (end == std::string_view::npos) throw;
    throw Error(error.code(), std::format("{}:{}: {}", source, position(std::string(what.substr(0, end)), find),
                                          what.substr(end + 2)));
  }
}

FlowPlan from_json(std::string_view text, std::string_view source) {
  const auto json = parse_json(text);
  if (!json) {
    throw Error(Errc::config_error,
                std::format("{}:{}: {}", source, line_and_column(text, json.error().position), json.error().message));
  }
  if (const auto twice = repeated_member(text)) {
    throw Error(Errc::config_error,
                std::format("{}:{}: {}", source, line_and_column(text, twice->position), twice->message));
  }
  return placed(json->get_object(), source, [&](const std::string& place) -> std::optional<std::string> {
    const auto at = position_of(text, place);
    return at ? std::optional(line_and_column(text, *at)) : std::nullopt;
  });
}

}  // namespace

FlowPlan parse_flow_plan(std::string_view text, std::string_view source) {
  text = text::without_byte_order_mark(text);
  if (text::trim(text).starts_with('{')) return from_json(text, source);
  TomlReader reader(source);
  JsonObject written;
  try {
    written = reader.table(toml::parse(text, source), "");
  } catch (const toml::parse_error& error) {
    throw Error(Errc::config_error, std::format("{}:{}:{}: {}", source, error.source().begin.line,
                                                error.source().begin.column, error.description()));
  }
  return placed(written, source, [&](const std::string& place) { return reader.find(place); });
}

}  // namespace dspy
