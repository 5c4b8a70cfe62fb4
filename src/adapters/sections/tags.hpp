#pragma once

#include "adapters/sections/labels.hpp"
#include "adapters/sections/xml_text.hpp"

#include <cstddef>
#include <string>
#include <string_view>

namespace dspy {

/// What is at a `<`.
struct TagMatch {
  enum class Kind {
    none,      ///< No tag of a field.
    possible,  ///< The text ended before this was decided; more of it might make a tag.
    open,
    close,
    empty,  ///< `<name/>`: opens and closes.
  };

  Kind kind = Kind::none;
  bool is_input = false;
  std::size_t field = 0;  ///< Its index in the signature's outputs (inputs).
  std::size_t size = 0;   ///< In bytes.
  bool spelled_as_is = true;
};

/// Recognises the tags of a signature's fields, with blanks in them, attributes, and the name
/// spelt as labels may be.
class Tags {
 public:
  /// Looks at the labels while it lives.
  explicit Tags(const Labels& labels, XmlText text = XmlText::entities) noexcept;

  /// `text` begins with `<`.  `complete` tells that nothing of it is missing.
  TagMatch match(std::string_view text, bool complete = true) const noexcept;

  const Signature& signature() const noexcept { return labels_.signature(); }
  /// How text between them is written.
  XmlText text() const noexcept { return text_; }

 private:
  const Labels& labels_;
  XmlText text_;
  std::size_t longest_name_;
};

/// True if something in the text would read as a tag of the signature, or as the start of CDATA.
bool holds_tag(const Tags& tags, std::string_view text) noexcept;

/// Appends an input's text: only what would read as a tag of the signature, or as an entity, is written as entities;
/// where text is literal, such a text is CDATA.
void append_guarding_tags(std::string& out, const Tags& tags, std::string_view text);

}  // namespace dspy
