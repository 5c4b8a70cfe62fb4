#pragma once

#include "adapters/coercion/coerce.hpp"
#include "adapters/sections/xml_text.hpp"
#include "dspy/base/json.hpp"

#include <cstddef>
#include <expected>
#include <optional>
#include <string>
#include <string_view>

namespace dspy {

/// White space around XML elements.
inline constexpr std::string_view xml_blanks = " \t\r\n\v\f";

/// True if an element's content begins as a list in one of its written forms; no content is an empty list.
bool holds_list(std::string_view content) noexcept;

/// The name in the tag that a text begins with.
std::string_view first_tag_name(std::string_view text) noexcept;

/// A value from nested elements: recursive descent along the type.  Elements and their text are read in xml_reader.cpp,
/// lists and objects in xml_members.cpp.
class XmlReader {
 public:
  XmlReader(std::string_view text, XmlText style, Repairs& repairs) : text_(text), style_(style), repairs_(repairs) {}

  /// The content of an element up to its closing tag, which is consumed; of the whole text if `name` is empty.
  Coerced content(const Type& type, std::string_view name, const Scope* scope);

 private:
  struct Tag {
    std::string_view name;
    std::string key;
    bool is_empty = false;  ///< It closes itself.
  };

  bool is_end(std::size_t at, std::string_view close) const noexcept {
    return close.empty() ? at == text_.size() : text_.substr(at).starts_with(close);
  }

  Coerced value(const Type& type, const Tag& tag, const Scope* scope) {
    return tag.is_empty ? nothing(type, scope) : content(type, tag.name, scope);
  }

  Coerced leaf(const Type& type, std::string_view close, const Scope* scope);
  /// Where the closing tag stands, behind the CDATA section that the text may begin with.
  std::size_t end_of_leaf(std::string_view close) const noexcept;
  /// The one alternative of a union that the elements are.
  Coerced alternative(const Type& type, std::string_view name, const Scope* scope);
  /// The value of an element that closes itself: null where null is allowed, else an empty value.
  Coerced nothing(const Type& type, const Scope* scope);
  /// The next child's tag, which is consumed; nothing at the end of the parent, which is too.
  std::expected<std::optional<Tag>, Refusal> child(std::string_view close);
  Coerced list(const Type& type, std::string_view close, const Scope* scope);
  /// True if the first element is a member of the list's items and no item itself, since an item has elements.
  bool begins_as_members(const Type& item, const Scope* scope) const;
  /// A list whose only item has no element of its own around its members.
  Coerced only_item(const Type& type, std::string_view close, const Scope* scope);
  Coerced dict(const Type& type, std::string_view close, const Scope* outer);
  /// True if the element whose content begins here is followed by one of the same name, and holds no list itself.
  bool is_an_item(std::string_view name, const Type& item) const;

  std::string_view text_;
  XmlText style_;
  Repairs& repairs_;
  std::size_t at_ = 0;
  int depth_ = 0;
  std::size_t values_ = 0;
  int union_steps_ = 0;
};

}  // namespace dspy
