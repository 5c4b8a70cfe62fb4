#include "adapters/coercion/xml/xml_value.hpp"

#include "adapters/coercion/xml/xml_reader.hpp"
#include "dspy/base/text.hpp"

#include <algorithm>
#include <span>
#include <utility>

namespace dspy {

namespace {

using Kind = Type::Kind;

}  // namespace

bool is_nested_xml(const Type& type) noexcept {
  const auto kind = type.required().kind;
  return kind == Kind::list || kind == Kind::tuple || kind == Kind::dict || kind == Kind::object ||
         kind == Kind::reference;
}

bool begins_alternative(const Type& type, std::string_view text) {
  switch (type.kind) {
    case Kind::union_:
      return std::ranges::any_of(type.arguments, [&](const Type& each) { return begins_alternative(each, text); });
    case Kind::list:
    case Kind::tuple: return text.starts_with("<item>");
    case Kind::dict: return text.starts_with("<entry key=");
    case Kind::object: return std::ranges::contains(*type.members, first_tag_name(text), &Field::name);
    default: return false;
  }
}

Coerced read_xml(const Type& type, std::string_view text, XmlText style, Repairs& repairs) {
  const auto mark = repairs.mark();
  auto value = XmlReader(text, style, repairs).content(type, {}, nullptr);
  if (!value) repairs.forget(mark);
  return value;
}

Coerced read_xml(const Type& type, const std::vector<std::string_view>& elements, XmlText style, Repairs& repairs) {
  if (elements.size() == 1) return read_xml(type, elements[0], style, repairs);
  if (holds_list(elements[0])) {
    if (auto first = read_xml(type, elements[0], style, repairs)) {
      for (const auto element : std::span(elements).subspan(1)) {
        const auto mark = repairs.mark();
        const auto other = read_xml(type, element, style, repairs);
        repairs.forget(mark);
        if (other && *other != *first)
          return refuse(element, "is another list than the one before", "it comes twice with different values");
      }
      repairs.take("repeated_label");
      return first;
    }
  }
  const auto mark = repairs.mark();
  repairs.take("repeated_element");
  JsonArray items;
  for (const auto element : elements) {
    auto item = read_xml(type.required().arguments[0], text::trim(element), style, repairs);
    if (!item) {
      repairs.forget(mark);
      return item;
    }
    items.push_back(*std::move(item));
  }
  return items;
}

}  // namespace dspy
