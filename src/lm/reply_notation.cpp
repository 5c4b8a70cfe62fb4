#include "dspy/lm/reply_notation.hpp"

#include "dspy/base/json.hpp"
#include "dspy/lm/contract.hpp"
#include "dspy/signature/field.hpp"

#include <string>
#include <string_view>

namespace dspy {
namespace {

using Form = OutputContract::Form;

constexpr ReplyNotation none = {};
constexpr ReplyNotation fields = {.form = Form::fields,
                                  .after_name = ":",
                                  .before_value = " ",
                                  .between = "\n",
                                  .anchor = "\n"};
constexpr ReplyNotation markers = {.form = Form::markers,
                                   .before_name = "[[ ## ",
                                   .after_name = " ## ]]",
                                   .before_value = "\n",
                                   .between = "\n\n",
                                   .end = "[[ ## completed ## ]]"};
constexpr ReplyNotation json = {.form = Form::json,
                                .before_name = "\"",
                                .after_name = "\":",
                                .before_value = " ",
                                .between = ",",
                                .begin = "{",
                                .end = "\n}",
                                .anchor = "\n  "};
constexpr ReplyNotation xml = {.form = Form::xml,
                               .before_name = "<",
                               .after_name = ">",
                               .before_value = "\n",
                               .after_value = "\n",
                               .before_close = "</",
                               .after_close = ">",
                               .empty_end = "/>",
                               .between = "\n\n"};

std::string joined(std::string_view before, std::string_view name, std::string_view after) {
  std::string out;
  out.reserve(before.size() + name.size() + after.size());
  return out.append(before).append(name).append(after);
}

}  // namespace

const ReplyNotation& ReplyNotation::of(Form form) noexcept {
  switch (form) {
    case Form::fields: return fields;
    case Form::markers: return markers;
    case Form::json: return json;
    case Form::xml: return xml;
    default: return none;
  }
}

std::string ReplyNotation::opening(const Field& field) const {
  return opening(form == Form::fields ? field.label : field.name);
}

std::string ReplyNotation::opening(std::string_view name) const {
  // A key may hold what JSON escapes.
  if (form == Form::json) return to_text(Json(name)) + ":";
  return joined(before_name, name, after_name);
}

std::string ReplyNotation::closing(std::string_view name) const {
  return before_close.empty() ? std::string() : joined(before_close, name, after_close);
}

std::string ReplyNotation::empty_element(std::string_view name) const {
  return empty_end.empty() ? std::string() : joined(before_name, name, empty_end);
}

std::string marker(std::string_view name) {
  return markers.opening(name);
}

}  // namespace dspy
