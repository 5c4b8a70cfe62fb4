#include "retrieve/search_order.hpp"

#include "dspy/base/error.hpp"
#include "dspy/base/text.hpp"

#include <algorithm>
#include <array>
#include <format>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace dspy {

void check_fields(const Filter& filter, const std::set<std::string>& known) {
  for (const auto& part : filter.parts()) check_fields(part, known);
  static constexpr std::array<std::string_view, 3> own = {"id", "text", "source"};
  const auto& field = filter.field();
  if (field.empty() || filter.op() == Filter::Op::exists || known.contains(field) || std::ranges::contains(own, field))
    return;
  const std::vector<std::string> names(known.begin(), known.end());
  const auto near = text::nearest(field, names);
  throw Error(Errc::invalid_parameter,
              std::format("no passage has the field `{}` that the filter asks for{}", field,
                          near ? std::format("; did you mean `{}`?", *near)
                               : "; " + (names.empty() ? std::string("there are no fields")
                                                       : "there is " + text::enumerate(names, "`", "and"))));
}

}  // namespace dspy
