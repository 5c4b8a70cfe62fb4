#include "adapters/coercion/xml_value.hpp"

#include "adapters/coercion/excerpt.hpp"
#include "adapters/json/lenient_json.hpp"
#include "adapters/sections/xml_names.hpp"
#include "dspy/base/text.hpp"
#include "dspy/signature/field.hpp"

#include <algorithm>
#include <format>
#include <span>
#include <unordered_set>
#include <utility>
#include <vector>

namespace dspy {
namespace {

using Kind = Type::Kind;

constexpr std::string_view blanks = " \t\r\n\v\f";

/// True if an object of the type has no member of that name, and no others than its own.
bool is_unknown(const Type& type, std::string_view key) noexcept {
  return type.kind == Kind::object && type.arguments.empty() &&
         !std::ranges::contains(*type.members, key, &Field::name);
}

/// True if what begins with an element's content is a list, in one of the forms that say so; nothing is the empty one.
bool holds_list(std::string_view content) noexcept {
  content.remove_prefix(std::min(content.find_first_not_of(blanks), content.size()));
  return content.empty() || content.starts_with("</") || content.starts_with('[') || content.starts_with("<item>");
}

/// The name in the tag that a text begins with.
std::string_view first_name(std::string_view text) noexcept {
  if (!text.starts_with('<')) return {};
  const auto rest = text.substr(1);
  return rest.substr(0, static_cast<std::size_t>(std::ranges::find_if_not(rest, is_of_tag_name) - rest.begin()));
}

/// True if no empty text is a value of the type: a tuple, or an object that requires a member.
bool has_parts(const Type& type) noexcept {
  if (type.kind == Kind::tuple) return !type.arguments.empty();
  return type.kind == Kind::object && std::ranges::any_of(*type.members, &Field::is_required);
}

constexpr int deepest = 128;

/// Recursive descent along the type.
class Reader {
 public:
  Reader(std::string_view text, XmlText style, Repairs& repairs) : text_(text), style_(style), repairs_(repairs) {}

  /// The content of an element up to its closing tag, which is consumed; of the whole text if `name` is empty.
  Coerced content(const Type& type, std::string_view name, const Scope* scope) {
    if (++values_ > most_values) {
      const auto fault = std::format("there are more than {} values", most_values);
      return refuse(text_.substr(at_), fault, fault);
    }
    const auto [plain, inner] = resolve(type, scope);
    const auto first = std::min(text_.find_first_not_of(blanks, at_), text_.size());
    const bool has_children =
        first + 1 < text_.size() && text_[first] == '<' && text_[first + 1] != '/' && text_[first + 1] != '!';
    const auto close = name.empty() ? std::string() : "</" + std::string(name) + ">";
    const bool is_empty = is_end(first, close);
    if (is_empty && type.is_optional() && has_parts(plain)) {
      at_ = first + close.size();
      return Json();
    }
    const bool is_union = plain.kind == Kind::union_ && has_children && begins_alternative(plain, text_.substr(first));
    if (!is_union && (!is_nested_xml(plain) || (!has_children && !is_empty))) return leaf(type, close, scope);
    if (depth_ == deepest) {
      const auto rest = text_.substr(at_);
      return refuse(rest, "is nested too deep", std::format("elements are nested more than {} deep", deepest));
    }
    ++depth_;
    const bool is_list = plain.kind == Kind::list || plain.kind == Kind::tuple;
    auto value = is_union  ? alternative(plain, name, inner)
                 : is_list ? list(plain, close, inner)
                           : dict(plain, close, inner);
    --depth_;
    return value;
  }

 private:
  struct Tag {
    std::string_view name;
    std::string key;
    bool is_empty = false;  ///< It closes itself.
  };

  bool is_end(std::size_t at, std::string_view close) const noexcept {
    return close.empty() ? at == text_.size() : text_.substr(at).starts_with(close);
  }

  Coerced leaf(const Type& type, std::string_view close, const Scope* scope) {
    const auto end = close.empty() ? text_.size() : end_of_leaf(close);
    if (end == std::string_view::npos)
      return refuse(text_.substr(at_), std::format("has no `{}`", close), std::format("`{}` is missing", close));
    const auto body = text::trim(text_.substr(at_, end - at_));
    at_ = end + close.size();
    if (body.empty() && type.required().kind == Kind::string) return Json("");
    std::string plain;
    if (style_ == XmlText::entities) {
      append_xml_text(plain, body);
    } else if (body.empty() || cdata_run_size(body, 0) != body.size()) {
      plain = body;
    } else {
      append_cdata_content(plain, body);
      return coerce_json(type, Json(plain), repairs_, scope);
    }
    if (plain.empty() && type.is_optional()) {
      // Empty text, where that is a value.
      int steps = 0;
      if (auto text = coerce_text(type.arguments[0], plain, repairs_, scope)) {
        if (auto fitted = fit(type.arguments[0], *std::move(text), scope, steps)) return *std::move(fitted);
      }
    }
    return coerce_text(type, plain, repairs_, scope);
  }

  /// The one alternative of a union that the elements are.
  Coerced alternative(const Type& type, std::string_view name, const Scope* scope) {
    const auto begin = at_;
    const auto mark = repairs_.mark();
    const auto elements = text_.substr(std::min(text_.find_first_not_of(blanks, at_), text_.size()));
    std::optional<Json> found;
    std::vector<Flag> flags;
    auto end = at_;
    bool is_certain = false;
    for (const auto& each : type.arguments) {
      if (!begins_alternative(each, elements)) continue;
      at_ = begin;
      auto value = content(each, name, scope);
      auto taken = repairs_.cut(mark);
      if (!value) continue;
      auto fitted = fit(each, *std::move(value), scope, union_steps_);
      if (!fitted) continue;
      if (found && taken.size() == flags.size()) is_certain = false;
      if (found && taken.size() >= flags.size()) continue;
      is_certain = true;
      found = *std::move(fitted);
      flags = std::move(taken);
      end = at_;
    }
    if (!is_certain) {
      const auto complaint = std::format("{} of {}", found ? "may be several" : "is none", annotation_name(type));
      return refuse(elements, complaint, "the value " + complaint);
    }
    at_ = end;
    repairs_.take(flags);
    return *std::move(found);
  }

  /// Where the closing tag stands, behind the CDATA section that the text may begin with.
  std::size_t end_of_leaf(std::string_view close) const noexcept {
    const auto first = std::min(text_.find_first_not_of(blanks, at_), text_.size());
    const auto behind = first + cdata_run_size(text_, first);
    const auto next = std::min(text_.find_first_not_of(blanks, behind), text_.size());
    if (style_ == XmlText::literal && behind != first && text_.substr(next).starts_with(close)) return next;
    return text_.find(close, style_ == XmlText::literal ? at_ : behind);
  }

  /// What an element is that closes itself: nothing where that may be, else what is empty.
  Coerced nothing(const Type& type, const Scope* scope) {
    if (type.is_optional() || type.kind == Kind::any) return Json();
    const auto [plain, inner] = resolve(type, scope);
    if (!is_nested_xml(plain)) return coerce_text(type, {}, repairs_, scope);
    return Reader({}, style_, repairs_).content(plain, {}, inner);
  }

  Coerced value(const Type& type, const Tag& tag, const Scope* scope) {
    return tag.is_empty ? nothing(type, scope) : content(type, tag.name, scope);
  }

  Coerced list(const Type& type, std::string_view close, const Scope* scope) {
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

  /// True if the first element is a member of the list's items and no item itself, since an item has elements.
  bool begins_as_members(const Type& item, const Scope* scope) const {
    const auto [object, outer] = resolve(item, scope);
    if (object.kind != Kind::object) return false;
    const auto rest = text_.substr(std::min(text_.find_first_not_of(blanks, at_), text_.size()));
    const auto name = first_name(rest);
    if (name == "item" || !std::ranges::contains(*object.members, name, &Field::name)) return false;
    if (!rest.substr(1 + name.size()).starts_with('>')) return false;
    const auto inside = text::trim(rest.substr(name.size() + 2));
    return !inside.empty() && inside[0] != '<' && inside[0] != '{';
  }

  /// A list whose only item has no element of its own around its members.
  Coerced only_item(const Type& type, std::string_view close, const Scope* scope) {
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

  Coerced dict(const Type& type, std::string_view close, const Scope* outer) {
    const Scope inside{type, outer};
    const auto* const scope = type.kind == Kind::object ? &inside : outer;
    JsonObject members;
    std::unordered_set<std::string_view> lists;  // the names of members that came as an element for each item
    while (true) {
      const auto tag = child(close);
      if (!tag) return std::unexpected(tag.error());
      if (!*tag) {
        note_defaults(type, members, repairs_);
        return members;
      }
      if (is_unknown(type, (*tag)->key)) {
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
      auto member = value(member_type(type, (*tag)->key), **tag, scope);
      if (!member) {
        member.error().within((*tag)->key);
        return member;
      }
      const auto is_new = members.insert_or_assign((*tag)->key, *std::move(member)).second;
      if (!is_new) repairs_.take("duplicate_key");
    }
  }

  /// True if the element whose content begins here is followed by one of the same name, and holds no list itself.
  bool is_an_item(std::string_view name, const Type& item) const {
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
    const auto next = std::min(text_.find_first_not_of(blanks, end + close.size()), text_.size());
    return text_.substr(next).starts_with(open);
  }

  /// The next child's tag, which is consumed; nothing at the end of the parent, which is too.
  std::expected<std::optional<Tag>, Refusal> child(std::string_view close) {
    at_ = std::min(text_.find_first_not_of(blanks, at_), text_.size());
    if (is_end(at_, close)) {
      at_ += close.size();
      return std::nullopt;
    }
    const auto rest = text_.substr(at_);
    const auto no_tag = [&] {
      constexpr std::size_t longest = 60;
      const auto fault = std::format("`{}` stands where a tag should", excerpt(rest, longest));
      return refuse(rest, "is not XML: " + fault, fault);
    };
    if (!rest.starts_with('<')) return no_tag();
    const auto end = rest.find('>');
    if (end == std::string_view::npos) return no_tag();
    const auto inside = rest.substr(1, end - 1);
    const auto name_end = static_cast<std::size_t>(std::ranges::find_if_not(inside, is_of_tag_name) - inside.begin());
    Tag tag{.name = inside.substr(0, name_end), .key = std::string(inside.substr(0, name_end))};
    if (!is_tag_name(tag.name)) return no_tag();
    auto attributes = text::trim(inside.substr(name_end));
    if (attributes.ends_with('/')) {
      tag.is_empty = true;
      attributes = text::trim(attributes.substr(0, attributes.size() - 1));
    }
    constexpr std::string_view key = "key=\"";
    const bool is_key = attributes.starts_with("key=\"") || attributes.starts_with("key='");
    if (is_key && attributes.size() > key.size() && attributes.back() == attributes[key.size() - 1]) {
      tag.key.clear();
      append_unescaped_xml(tag.key, attributes.substr(key.size(), attributes.size() - key.size() - 1));
    } else if (!attributes.empty()) {
      return no_tag();
    }
    at_ += end + 1;
    return tag;
  }

  std::string_view text_;
  XmlText style_;
  Repairs& repairs_;
  std::size_t at_ = 0;
  int depth_ = 0;
  std::size_t values_ = 0;
  int union_steps_ = 0;
};

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
    case Kind::object: return std::ranges::contains(*type.members, first_name(text), &Field::name);
    default: return false;
  }
}

Coerced read_xml(const Type& type, std::string_view text, XmlText style, Repairs& repairs) {
  const auto mark = repairs.mark();
  auto value = Reader(text, style, repairs).content(type, {}, nullptr);
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
