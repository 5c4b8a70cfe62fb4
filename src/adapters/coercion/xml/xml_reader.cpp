// Reads single elements: tags, text, and the alternatives of a union.

#include "adapters/coercion/xml/xml_reader.hpp"

#include "adapters/coercion/excerpt.hpp"
#include "adapters/coercion/xml/xml_value.hpp"
#include "adapters/json/lenient_json.hpp"
#include "adapters/sections/xml_names.hpp"
#include "dspy/base/text.hpp"
#include "dspy/signature/field.hpp"

#include <algorithm>
#include <format>
#include <utility>
#include <vector>

namespace dspy {
namespace {

using Kind = Type::Kind;

constexpr int deepest = 128;

/// True if empty text cannot be a value of the type: a tuple with items, or an object that requires a member.
bool has_parts(const Type& type) noexcept {
  if (type.kind == Kind::tuple) return !type.arguments.empty();
  return type.kind == Kind::object && std::ranges::any_of(*type.members, &Field::is_required);
}

}  // namespace

bool holds_list(std::string_view content) noexcept {
  content.remove_prefix(std::min(content.find_first_not_of(xml_blanks), content.size()));
  return content.empty() || content.starts_with("</") || content.starts_with('[') || content.starts_with("<item>");
}

std::string_view first_tag_name(std::string_view text) noexcept {
  if (!text.starts_with('<')) return {};
  const auto rest = text.substr(1);
  return rest.substr(0, static_cast<std::size_t>(std::ranges::find_if_not(rest, is_of_tag_name) - rest.begin()));
}

Coerced XmlReader::content(const Type& type, std::string_view name, const Scope* scope) {
  if (++values_ > most_values) {
    const auto fault = std::format("there are more than {} values", most_values);
    return refuse(text_.substr(at_), fault, fault);
  }
  const auto [plain, inner] = resolve(type, scope);
  const auto first = std::min(text_.find_first_not_of(xml_blanks, at_), text_.size());
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

Coerced XmlReader::leaf(const Type& type, std::string_view close, const Scope* scope) {
  const auto end = close.empty() ? text_.size() : end_of_leaf(close);
  if (end == std::string_view::npos)
    return refuse(text_.substr(at_), std::format("has no `{}`", close), std::format("`{}` is missing", close));
  const auto body = text::trim(text_.substr(at_, end - at_));
  at_ = end + close.size();
  if (body.empty() && type.required().kind == Kind::string) return Json("");
  std::string plain;
  if (style_ == XmlText::entities) {
    append_xml_text(plain, body);
    // CDATA says that it is a text, where the same word alone would be none.
    const bool is_text = !body.empty() && cdata_run_size(body, 0) == body.size() && is_null_word(plain);
    if (is_text) return coerce_json(type, Json(plain), repairs_, scope);
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

std::size_t XmlReader::end_of_leaf(std::string_view close) const noexcept {
  const auto first = std::min(text_.find_first_not_of(xml_blanks, at_), text_.size());
  const auto behind = first + cdata_run_size(text_, first);
  const auto next = std::min(text_.find_first_not_of(xml_blanks, behind), text_.size());
  if (style_ == XmlText::literal && behind != first && text_.substr(next).starts_with(close)) return next;
  return text_.find(close, style_ == XmlText::literal ? at_ : behind);
}

Coerced XmlReader::alternative(const Type& type, std::string_view name, const Scope* scope) {
  const auto begin = at_;
  const auto mark = repairs_.mark();
  const auto elements = text_.substr(std::min(text_.find_first_not_of(xml_blanks, at_), text_.size()));
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

Coerced XmlReader::nothing(const Type& type, const Scope* scope) {
  if (type.is_optional() || type.kind == Kind::any) return Json();
  const auto [plain, inner] = resolve(type, scope);
  if (!is_nested_xml(plain)) return coerce_text(type, {}, repairs_, scope);
  return XmlReader({}, style_, repairs_).content(plain, {}, inner);
}

std::expected<std::optional<XmlReader::Tag>, Refusal> XmlReader::child(std::string_view close) {
  at_ = std::min(text_.find_first_not_of(xml_blanks, at_), text_.size());
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

}  // namespace dspy
