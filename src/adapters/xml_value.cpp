#include "adapters/xml_value.hpp"

#include "adapters/clear_text.hpp"
#include "adapters/excerpt.hpp"
#include "adapters/lenient_json.hpp"
#include "adapters/tags.hpp"
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

constexpr std::string_view blanks = " \t\r\n\v\f";

constexpr bool is_letter(char c) noexcept {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}
constexpr bool is_name_character(char c) noexcept {
  return is_letter(c) || (c >= '0' && c <= '9') || c == '-' || c == '.';
}

bool is_tag_name(std::string_view key) noexcept {
  return !key.empty() && is_letter(key[0]) && std::ranges::all_of(key, is_name_character);
}

/// Text whose white space at the ends counts, since reading takes it away.
void append_leaf_text(std::string& out, std::string_view text) {
  const auto first = std::min(text.find_first_not_of(blanks), text.size());
  const auto last = first == text.size() ? first : text.find_last_not_of(blanks) + 1;
  const auto append_blanks = [&](std::string_view part) {
    for (const char c : part) out.append("&#").append(std::to_string(static_cast<unsigned char>(c))).append(";");
  };
  append_blanks(text.substr(0, first));
  append_escaped_xml(out, text.substr(first, last - first));
  append_blanks(text.substr(last));
}

void append_attribute(std::string& out, std::string_view text) {
  for (const char c : text) {
    if (c == '"' || c == '\n' || c == '>') {
      out.append("&#").append(std::to_string(static_cast<unsigned char>(c))).append(";");
    } else {
      append_escaped_xml(out, std::string_view(&c, 1));
    }
  }
}

/// What stands at that place of a list or tuple.
const Type& item_type(const Type& type, std::size_t place) noexcept {
  static const auto any = Type::any();
  if (type.kind == Kind::list) return type.arguments[0];
  return place < type.arguments.size() ? type.arguments[place] : any;
}

/// What stands for that key of a dict or object.
const Type& member_type(const Type& type, std::string_view key) noexcept {
  static const auto any = Type::any();
  if (type.kind == Kind::dict) return type.arguments[1];
  const auto member = std::ranges::find(*type.members, key, &Field::name);
  if (member != type.members->end()) return member->type;
  return type.arguments.empty() ? any : type.arguments[0];
}

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

/// What is inside an `Optional`, or the object that a reference means, and the objects around that.
Scope resolve(const Type& type, const Scope* scope) noexcept {
  const auto& plain = type.required();
  const auto* const found = plain.kind == Kind::reference ? find_object(scope, plain.name) : nullptr;
  return found != nullptr ? *found : Scope{plain, scope};
}

constexpr int deepest = 128;

/// Recursive descent along the type.
class Reader {
 public:
  Reader(std::string_view text, Liberties& liberties) : text_(text), liberties_(liberties) {}

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
    if (!is_nested_xml(plain) || (!has_children && !is_end(first, close))) return leaf(type, close, scope);
    if (depth_ == deepest) {
      const auto rest = text_.substr(at_);
      return refuse(rest, "is nested too deep", std::format("elements are nested more than {} deep", deepest));
    }
    ++depth_;
    const bool is_list = plain.kind == Kind::list || plain.kind == Kind::tuple;
    auto value = is_list ? list(plain, close, inner) : dict(plain, close, inner);
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
    std::string plain;
    append_xml_text(plain, text::trim(text_.substr(at_, end - at_)));
    at_ = end + close.size();
    if (plain.empty() && type.is_optional()) {
      // Empty text, where that is a value.
      int steps = 0;
      if (auto text = coerce_text(type.arguments[0], plain, liberties_, scope)) {
        if (auto fitted = fit(type.arguments[0], *std::move(text), scope, steps)) return *std::move(fitted);
      }
    }
    return coerce_text(type, plain, liberties_, scope);
  }

  /// Where the closing tag stands, behind the CDATA section that the text may begin with.
  std::size_t end_of_leaf(std::string_view close) const noexcept {
    const auto first = std::min(text_.find_first_not_of(blanks, at_), text_.size());
    const bool is_cdata = text_.substr(first).starts_with("<![CDATA[");
    const auto behind = is_cdata ? text_.find("]]>", first) : std::string_view::npos;
    return text_.find(close, behind == std::string_view::npos ? at_ : behind);
  }

  /// What an element is that closes itself: nothing where that may be, else what is empty.
  Coerced nothing(const Type& type, const Scope* scope) {
    if (type.is_optional() || type.kind == Kind::any) return Json();
    const auto [plain, inner] = resolve(type, scope);
    if (!is_nested_xml(plain)) return coerce_text(type, {}, liberties_, scope);
    return Reader({}, liberties_).content(plain, {}, inner);
  }

  Coerced value(const Type& type, const Tag& tag, const Scope* scope) {
    return tag.is_empty ? nothing(type, scope) : content(type, tag.name, scope);
  }

  Coerced list(const Type& type, std::string_view close, const Scope* scope) {
    JsonArray items;
    while (true) {
      const auto tag = child(close);
      if (!tag) return std::unexpected(tag.error());
      if (!*tag) {
        drop_repeats(type, items, liberties_);
        return items;
      }
      auto item = value(item_type(type, items.size()), **tag, scope);
      if (!item) {
        item.error().within(items.size());
        return item;
      }
      items.push_back(*std::move(item));
    }
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
        note_defaults(type, members, liberties_);
        return members;
      }
      if (is_unknown(type, (*tag)->key)) {
        auto ignored = value(Type::any(), **tag, scope);
        if (!ignored) return ignored;
        liberties_.take("extra_key");
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
          liberties_.take("repeated_element");
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
      if (!is_new) liberties_.take("duplicate_key");
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
      return refuse(rest, "is no XML: " + fault, fault);
    };
    if (!rest.starts_with('<')) return no_tag();
    const auto end = rest.find('>');
    if (end == std::string_view::npos) return no_tag();
    const auto inside = rest.substr(1, end - 1);
    const auto name_end =
        static_cast<std::size_t>(std::ranges::find_if_not(inside, is_name_character) - inside.begin());
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
  Liberties& liberties_;
  std::size_t at_ = 0;
  int depth_ = 0;
  std::size_t values_ = 0;
};

/// Appends the values of a field.
struct Writer {
  std::string& out;
  std::string_view field;

  void append(const Type& type, const Json& value, const Scope* around) const;
};

void Writer::append(const Type& type, const Json& value, const Scope* around) const {
  const auto [plain, outer] = resolve(type, around);
  const Scope inside{plain, outer};
  const auto* const scope = plain.kind == Kind::object ? &inside : outer;
  const bool is_list = plain.kind == Kind::list || plain.kind == Kind::tuple;
  if (is_list && value.is_array()) {
    std::size_t place = 0;
    for (const auto& item : value.get_array()) {
      out += "<item>";
      append(item_type(plain, place++), item, scope);
      out += "</item>";
    }
  } else if (!is_list && is_nested_xml(plain) && value.is_object()) {
    for (const auto& member : value.get_object()) {
      const std::string_view key = member.key();
      const bool is_name = is_tag_name(key);
      if (is_name) {
        out.append("<").append(key).append(">");
      } else {
        append_attribute(out.append("<entry key=\""), key);
        out += "\">";
      }
      append(member_type(plain, key), member.value(), scope);
      out.append("</").append(is_name ? key : "entry").append(">");
    }
  } else if (const auto* const text = value.if_string()) {
    // An empty element of an optional is an empty text.
    const bool is_empty = text->empty() && type.is_optional();
    const auto clear = is_empty ? std::nullopt : clear_text(field, type, value, view(*text), around);
    append_leaf_text(out, clear ? *clear : view(*text));
  } else {
    const auto text_of_value = value.is_null() ? "None" : to_text(value);
    append_escaped_xml(out, clear_text(field, type, value, text_of_value, around).value_or(text_of_value));
  }
}

}  // namespace

bool is_nested_xml(const Type& type) noexcept {
  const auto kind = type.required().kind;
  return kind == Kind::list || kind == Kind::tuple || kind == Kind::dict || kind == Kind::object ||
         kind == Kind::reference;
}

void append_xml(std::string& out, const Field& field, const Json& value) {
  Writer{out, field.name}.append(field.type, value, nullptr);
}

Coerced read_xml(const Type& type, std::string_view text, Liberties& liberties) {
  const auto mark = liberties.mark();
  auto value = Reader(text, liberties).content(type, {}, nullptr);
  if (!value) liberties.forget(mark);
  return value;
}

Coerced read_xml(const Type& type, const std::vector<std::string_view>& elements, Liberties& liberties) {
  if (elements.size() == 1) return read_xml(type, elements[0], liberties);
  if (holds_list(elements[0])) {
    if (auto first = read_xml(type, elements[0], liberties)) {
      liberties.take("repeated_label");
      return first;
    }
  }
  const auto mark = liberties.mark();
  liberties.take("repeated_element");
  JsonArray items;
  for (const auto element : elements) {
    auto item = read_xml(type.required().arguments[0], text::trim(element), liberties);
    if (!item) {
      liberties.forget(mark);
      return item;
    }
    items.push_back(*std::move(item));
  }
  return items;
}

}  // namespace dspy
