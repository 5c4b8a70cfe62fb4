#pragma once

#include "adapters/labels.hpp"

#include <cstddef>
#include <string>
#include <string_view>

namespace dspy {

/// What stands at a `<`.
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
  explicit Tags(const Labels& labels) noexcept;

  /// `text` begins with `<`.  `complete` tells that nothing of it is missing.
  TagMatch match(std::string_view text, bool complete = true) const noexcept;

  const Signature& signature() const noexcept { return labels_.signature(); }

 private:
  const Labels& labels_;
  std::size_t longest_name_;
};

/// Appends an output's text with `&` and `<` as entities.
void append_escaped_xml(std::string& out, std::string_view text);

/// Appends an input's text: only what would read as a tag of the signature, or as an entity,
/// is written as entities.
void append_guarding_tags(std::string& out, const Tags& tags, std::string_view text);

/// Appends a text with `&lt; &gt; &amp; &quot; &apos;` and `&#…;` turned into what they stand for;
/// any other `&` stays.
void append_unescaped_xml(std::string& out, std::string_view text);

/// The same for a text that may hold CDATA sections, in which nothing is escaped.
void append_xml_text(std::string& out, std::string_view text);

}  // namespace dspy
