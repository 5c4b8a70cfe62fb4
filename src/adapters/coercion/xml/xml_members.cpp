// Reads lists and objects from nested elements.

#include "adapters/coercion/xml/xml_reader.hpp"
#include "adapters/coercion/xml/xml_value.hpp"
#include "adapters/sections/xml_names.hpp"
#include "dspy/base/text.hpp"
#include "dspy/signature/field.hpp"

#include <algorithm>
#include <format>
#include <unordered_set>
#include <utility>
#include <vector>

namespace dspy {
namespace {

using Kind = Type::Kind;

/// True if an object of the type has no member of that name, and no others than its own.
bool is_unknown(const Type& type, std::string_view key) noexcept {
  return type.kind == Kind::object && type.arguments.empty() &&
         !std::ranges::contains(*type.members, key, &Field::name);
}

/// The first member that an object lacks, and that is an element in one of those texts.
const Field* member_within(const Type& type, const JsonObject& members, const std::vector<std::string_view>& texts) {
  for (const auto& member : *type.members) {
    if (members.contains(member.name)) continue;
    const auto element = std::format("</{}>", member.name);
    if (std::ranges::any_of(texts, [&](std::string_view text) { return text.contains(element); })) return &member;
  }
  return nullptr;
}

}  // namespace

Coerced XmlReader::list(const Type& type, std::string_view close, const Scope* scope) {
  if (type.kind == Kind::list && begins_as_members(type.arguments[0], scope)) return only_item(type, close, scope);
  JsonArray items;
  while (true) {
    const auto tag = child(close);
    if (!tag) return std::unexpected(tag.error());
    if (!*tag) {
      drop_repeats(type, items, repairs_);
      return items;
    }
    const auto& wanted = item_type(type, items.size());
    // `<ul><li>a</li></ul>`: elements around elements, of which the outer ones are not items of a list of texts.
    if ((*tag)->name != "item" && wanted.required().kind == Kind::string) {
      const auto close_tag = std::format("</{}>", (*tag)->name);
      const auto inside = text_.substr(at_, text_.find(close_tag, at_) - at_);
      if (inside.contains("</")) return refuse(inside, "is not text", "a text item must not contain elements");
    }
    auto item = value(wanted, **tag, scope);
    if (!item) {
      item.error().within(items.size());
      return item;
    }
    items.push_back(*std::move(item));
  }
}

bool XmlReader::begins_as_members(const Type& item, const Scope* scope) const {
  const auto [object, outer] = resolve(item, scope);
  if (object.kind != Kind::object) return false;
  const auto rest = text_.substr(std::min(text_.find_first_not_of(xml_blanks, at_), text_.size()));
  const auto name = first_tag_name(rest);
  if (name == "item" || !std::ranges::contains(*object.members, name, &Field::name)) return false;
  if (!rest.substr(1 + name.size()).starts_with('>')) return false;
  const auto inside = text::trim(rest.substr(name.size() + 2));
  return !inside.empty() && inside[0] != '<' && inside[0] != '{';
}

Coerced XmlReader::only_item(const Type& type, std::string_view close, const Scope* scope) {
  const auto [object, outer] = resolve(type.arguments[0], scope);
  const auto mark = repairs_.mark();
  const auto elements = text_.substr(at_);
  auto item = dict(object, close, outer);
  if (!item) {
    item.error().within(0);
    return item;
  }
  const auto taken = repairs_.cut(mark);
  if (std::ranges::contains(taken, std::string_view("duplicate_key"), &Flag::repair))
    return refuse(elements, "may be several items",
                  "it contains several items that are not each wrapped in an element");
  repairs_.take(taken);
  repairs_.take("single_item");
  return JsonArray{*std::move(item)};
}

Coerced XmlReader::dict(const Type& type, std::string_view close, const Scope* outer) {
  const Scope inside{type, outer};
  const auto* const scope = type.kind == Kind::object ? &inside : outer;
  JsonObject members;
  std::vector<std::string_view> texts;         // of the members that are text, as they are written
  std::unordered_set<std::string_view> lists;  // the names of members that came as an element for each item
  while (true) {
    const auto tag = child(close);
    if (!tag) return std::unexpected(tag.error());
    if (!*tag) {
      if (const auto* const lost = member_within(type, members, texts))
        return refuse(close, "may hold an element too much",
                      std::format("`{}` is an element within another member", lost->name));
      note_defaults(type, members, repairs_);
      return members;
    }
    if (is_unknown(type, (*tag)->key)) {
      if ((*tag)->name == "item")
        return refuse(text_.substr(at_), "is inside another item", "an item is inside another");
      auto ignored = value(Type::any(), **tag, scope);
      if (!ignored) return ignored;
      repairs_.take("extra_key");
      continue;
    }
    const auto& list = member_type(type, (*tag)->key).required();
    const bool goes_on = lists.contains((*tag)->name);
    if (goes_on || (list.kind == Kind::list && !(*tag)->is_empty && !members.contains((*tag)->key) &&
                    is_an_item((*tag)->name, list.arguments[0]))) {
      auto item = value(list.arguments[0], **tag, scope);
      if (!item) return item;
      if (!goes_on) {
        lists.insert((*tag)->name);
        members.emplace((*tag)->key, JsonArray());
        repairs_.take("repeated_element");
      }
      members[(*tag)->key].get_array().push_back(*std::move(item));
      continue;
    }
    const auto begin = at_;
    const auto& wanted = member_type(type, (*tag)->key);
    auto member = value(wanted, **tag, scope);
    if (!member) {
      member.error().within((*tag)->key);
      return member;
    }
    // Of literal text, whatever looks like an element is text.
    const bool is_text =
        type.kind == Kind::object && style_ == XmlText::entities && wanted.required().kind == Kind::string;
    if (is_text) texts.push_back(text_.substr(begin, at_ - begin));
    const auto is_new = members.insert_or_assign((*tag)->key, *std::move(member)).second;
    if (!is_new) repairs_.take("duplicate_key");
  }
}

bool XmlReader::is_an_item(std::string_view name, const Type& item) const {
  if (holds_list(text_.substr(at_))) return false;
  const auto open = std::string("<").append(name).append(">");
  const auto close = std::string("</").append(name).append(">");
  auto end = text_.find(close, at_);
  if (is_nested_xml(item)) {  // elements of the same name may be within
    for (auto inner = text_.find(open, at_); inner < end && end != std::string_view::npos;
         inner = text_.find(open, inner + open.size())) {
      end = text_.find(close, end + close.size());
    }
  }
  if (end == std::string_view::npos) return false;
  const auto next = std::min(text_.find_first_not_of(xml_blanks, end + close.size()), text_.size());
  return text_.substr(next).starts_with(open);
}

}  // namespace dspy
